// A lesson's claim as a test: it prints the claim with a tick, or stops the notebook with the claim in the error.

namespace Charts;

/// <summary>Turns a sentence of a lesson into a test.</summary>
public static class Check
{
    /// <summary>Prints "✓ claim" where <paramref name="holds"/>, else throws.</summary>
    /// <param name="holds">The measurement.</param>
    /// <param name="claim">What the lesson says, with the numbers that decide it.</param>
    /// <exception cref="ClaimFailedException">The claim does not hold.</exception>
    public static void That(bool holds, string claim)
    {
        if (!holds) throw new ClaimFailedException(claim);
        Console.WriteLine("✓ " + claim);
    }
}

/// <summary>A claim of a lesson that this run does not bear out.</summary>
public sealed class ClaimFailedException(string claim) : Exception("This does not hold here: " + claim);
