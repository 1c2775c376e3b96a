namespace TestGrid.Runner.Output;

/// <summary>
/// Keeps messages about something talkative apart. After a silence a few go at once, so that what matters does not wait
/// because something else went just before it: a job's first words behind its heading.
/// </summary>
/// <param name="each">How far apart they are on average, when there are many.</param>
/// <param name="burst">How many go at once.</param>
/// <param name="time">The clock.</param>
public sealed class Pace(TimeSpan each, int burst, TimeProvider time)
{
    // Each message takes one of `burst` places, and a place comes back after `each`: nobody waits longer than that.
    private readonly long first = time.GetTimestamp();
    private TimeSpan allBack;

    /// <summary>How long the next message has to wait; zero for not at all, and never more than the distance.</summary>
    public TimeSpan Rest
    {
        get
        {
            var rest = allBack - time.GetElapsedTime(first) - (each * (burst - 1));
            return rest > TimeSpan.Zero ? rest : TimeSpan.Zero;
        }
    }

    /// <summary>Of a job's log, in the runner and before a viewer.</summary>
    public static Pace OfLog(TimeProvider time) => new(TimeSpan.FromMilliseconds(20), burst: 4, time);

    /// <summary>A message goes now.</summary>
    public void Sent()
    {
        var now = time.GetElapsedTime(first);
        allBack = (allBack > now ? allBack : now) + each;
    }
}
