using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Link;

/// <summary>
/// Says every few seconds that this runner is here and what it offers, and at its end that it goes. Ends the program when
/// no job would come any more, and nothing but a person mends that: its name is another's now, or its queue is.
/// </summary>
/// <param name="link">The way to the server.</param>
/// <param name="hello">What to say, made anew each time: bundles come and go.</param>
/// <param name="objection">What the server answered is heard by this.</param>
/// <param name="program">Ended when it must not go on.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Hears of a failure that is not the server's being away.</param>
public sealed partial class Presence(
    ServerLink link,
    Func<RunnerHello> hello,
    HelloObjection objection,
    IHostApplicationLifetime program,
    TimeProvider time,
    ILogger<Presence> log
) : BackgroundService
{
    private const int Conflict = 409;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan GoodbyePatience = TimeSpan.FromSeconds(3);

    /// <summary>Why it ended the program, or null.</summary>
    public string? EndedBy { get; private set; }

    /// <summary>Says it once; what the server answered.</summary>
    /// <exception cref="ServerAwayException">It did not answer.</exception>
    /// <exception cref="ServerRefusedException">It does not want this runner; the message says why.</exception>
    public async ValueTask<HelloReply> SayAsync(CancellationToken stop) =>
        await link.PostAsync(
            "/api/v1/runner/hello",
            hello(),
            (HelloJson.Default.RunnerHello, HelloJson.Default.HelloReply),
            stop
        ) ?? throw new ServerRefusedException(404, "It is no TestGrid server that knows remote runners");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                if (objection(await SayAsync(stoppingToken)) is { } why)
                    End(why);
            }
            catch (ServerRefusedException e) when (e.Status == Conflict)
            {
                End(e.Message);
            }
            catch (Exception e) when (e is ServerAwayException or ServerRefusedException)
            {
                // The link has told the log.
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Stumbled(log, e);
            }
        } while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var limit = new CancellationTokenSource(GoodbyePatience, time);
        try
        {
            await link.PostAsync(
                "/api/v1/runner/goodbye",
                new RunnerName(hello().Name),
                (HelloJson.Default.RunnerName, HelloJson.Default.Done),
                limit.Token
            );
        }
        catch (Exception e) when (e is ServerAwayException or ServerRefusedException or OperationCanceledException)
        {
            // It will say that this runner is away, which is true as well.
        }
    }

    private void End(string why)
    {
        EndedBy = why;
        program.StopApplication();
    }

    [LoggerMessage(LogLevel.Error, "This runner could not say that it is here; it says so again soon")]
    private static partial void Stumbled(ILogger log, Exception e);
}
