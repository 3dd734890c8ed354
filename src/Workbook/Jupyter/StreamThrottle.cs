// A cell that writes without end would drown its client: a browser takes a megabyte of text a second, and its server drops the
// rest. So text goes out at once while there is budget; beyond it, what comes is held back and only its end is kept, and what
// was left out is said in its place.

using System.Globalization;
using System.Text;

namespace Workbook.Jupyter;

/// <summary>Characters that may be sent: a bucket that is full at first and fills at a steady rate.</summary>
internal sealed class OutputBudget(int burst, int perSecond, TimeProvider? time = null)
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Lock _lock = new();
    private double _left = burst;
    private long _at = (time ?? TimeProvider.System).GetTimestamp();

    /// <summary>Takes so many characters if they are there.</summary>
    public bool Take(int characters)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _left = Math.Min(burst, _left + _time.GetElapsedTime(_at, now).TotalSeconds * perSecond);
            _at = now;
            if (_left < characters)
                return false;
            _left -= characters;
            return true;
        }
    }
}

/// <summary>One stream of a cell; not for several threads at a time.</summary>
internal sealed class StreamThrottle(OutputBudget budget, Action<string> publish)
{
    /// <summary>How much of held text is kept, its last lines.</summary>
    internal const int KeptCharacters = 1 << 14;

    private readonly StringBuilder _held = new();
    private long _lines, _characters; // left out

    /// <summary>Whether text waits for budget.</summary>
    public bool IsHolding => _held.Length > 0;

    /// <summary>Publishes the text, or holds it back.</summary>
    public void Write(string text)
    {
        if (!IsHolding && budget.Take(text.Length))
        {
            publish(text);
            return;
        }
        _held.Append(text);
        if (_held.Length <= 2 * KeptCharacters)
            return;
        string all = _held.ToString();
        int cut = all.LastIndexOf('\n', all.Length - KeptCharacters) + 1; // whole lines, unless one line is longer than all that is kept
        if (cut == 0)
            cut = all.Length - KeptCharacters;
        if (char.IsLowSurrogate(all[cut]))
            cut++;
        _lines += all.AsSpan(0, cut).Count('\n');
        _characters += cut;
        _held.Remove(0, cut);
    }

    /// <summary>Publishes what is held if there is budget again.</summary>
    public void Retry()
    {
        if (IsHolding && budget.Take(_held.Length))
            Release();
    }

    /// <summary>Publishes what is held, whatever the budget: something else is to follow it.</summary>
    public void Release()
    {
        if (!IsHolding)
            return;
        string left = _characters == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
            $"\n… {_lines:N0} lines ({_characters:N0} characters) are left out here: the cell writes faster than a notebook can show; a file keeps them all …\n");
        publish(left + _held);
        _held.Clear();
        _lines = _characters = 0;
    }
}
