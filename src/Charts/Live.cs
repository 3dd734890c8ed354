// A chart that is drawn again while something runs, not more often than a reader sees: drawing must not slow the training down.
//     var live = new Live(() => Curves("Training").Live("training"), chart => display(chart).Update);
//     … OnStep = _ => live.Tick() …;  live.Finish();

namespace Charts;

/// <summary>Draws a chart again and again, at most every half second, and once at the end.</summary>
/// <param name="draw">Makes the chart as things stand.</param>
/// <param name="display">Displays a value and gives what renews it: <c>value => display(value).Update</c> in a notebook's cell.</param>
public sealed class Live(Func<object> draw, Func<object, Action<object>> display)
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);

    readonly TimeProvider time = TimeProvider.System;
    Action<object>? update;
    long last;

    internal Live(Func<object> draw, Func<object, Action<object>> display, TimeProvider time) : this(draw, display) => this.time = time;

    /// <summary>Something has changed: draws, unless it has just drawn.</summary>
    public void Tick()
    {
        if (update is not null && time.GetElapsedTime(last) < Pause) return;
        Draw();
    }

    /// <summary>It is over: the final picture.</summary>
    public void Finish() => Draw();

    void Draw()
    {
        var picture = draw();
        if (update is null) update = display(picture);
        else update(picture);
        last = time.GetTimestamp();
    }
}
