using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using TestGrid.Runner;
using TestGrid.Runner.Link;
using TestGrid.Server.Scheduling;

namespace TestGrid.Cli.Serving;

/// <summary>Tells the scheduler how many jobs the embedded runner has room for, and pages what it offers, while it is here.</summary>
internal sealed class EmbeddedRoom(
    RunnerRoom room,
    MachineOffer offer,
    IOptions<RunnerOptions> options,
    TimeProvider time
) : BackgroundService
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15); // bundles come and go

    private string Name => options.Value.Name;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.Slots == 0)
            return;
        room.Set(Name, options.Value.Slots); // at once: looking at the bundles reads the disk
        using var timer = new PeriodicTimer(LookAgain, time);
        RunnerOffer? told = null;
        do
        {
            var now = offer.Now();
            if (told?.Same(now) != true)
                room.Set(Name, options.Value.Slots, told = now);
        } while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        room.Remove(Name);
        await base.StopAsync(cancellationToken);
    }
}
