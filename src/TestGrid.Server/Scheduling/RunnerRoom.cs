using System.Collections.Concurrent;
using TestGrid.Server.Stages;

namespace TestGrid.Server.Scheduling;

/// <summary>How many jobs the connected runners have room for. Runners say so when they come, change, and go.</summary>
public sealed class RunnerRoom(SchedulingOptions options, Bells bells)
{
    private readonly ConcurrentDictionary<string, int> slots = new(StringComparer.Ordinal);

    /// <summary>Slots of all runners together.</summary>
    public int Slots => slots.Values.Sum();

    /// <summary>The most jobs of one repository at a time; 0 is no limit.</summary>
    public int PerRepository => options.PerRepository;

    /// <summary>Who is here, and how many jobs each runs at a time.</summary>
    public IReadOnlyDictionary<string, int> Runners => slots;

    public bool IsEmpty => slots.IsEmpty;

    /// <summary>A runner is here, and runs this many jobs at a time.</summary>
    public void Set(string runner, int jobs)
    {
        slots[runner] = jobs;
        bells.Room.Ring();
    }

    /// <summary>A runner went away, or takes no new jobs.</summary>
    public void Remove(string runner)
    {
        slots.TryRemove(runner, out _);
        bells.Room.Ring();
    }
}
