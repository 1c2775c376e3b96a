using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Link;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.Http;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Reporting.Http;
using TestGrid.Server.Access;
using TestGrid.Server.Store;
using static TestGrid.Server.Recording.DoorWords;

namespace TestGrid.Server.Recording;

/// <summary>
/// The door of remote runners: the recorder and the queue over HTTP, for tokens of their own kind. A runner can claim, and
/// tell of what it claimed; it reads nothing else. The protocol is TestGrid's own, and changes with its version.
/// </summary>
public static class RunnerEndpoints
{
    private const int BodyMax = 1 << 20;
    private static readonly TimeSpan HoldMax = TimeSpan.FromSeconds(60);

    public static void MapRunnersDoor(this IEndpointRouteBuilder app)
    {
        var door = app.MapGroup(Access.Caller.RunnerPath).ExcludeFromDescription().AddEndpointFilter(CheckLinkAsync);
        door.MapGet("/server", (QueueOptions queue) => Json(Reply(queue), HelloJson.Default.HelloReply));
        door.MapPost("/hello", HelloAsync);
        door.MapPost("/goodbye", GoodbyeAsync);
        door.MapPut("/orders/{asking:length(32)}", AskAsync);
        door.MapDelete("/orders/{asking:length(32)}", SettleAsync);
        door.MapPost("/claims", ClaimAsync);
        door.MapPost("/leases/renew", RenewAsync);
        door.MapPost("/leases/bundle", DecideAsync);
        door.MapPost("/leases/release", ReleaseAsync);
        door.MapPost("/leases/release-all", ReleaseAllAsync);
        door.MapPost("/events", EventAsync);
        door.MapBundles();
        door.MapPut("/jobs/{id}/attempts/{attempt:int}/log", LogAsync);
    }

    // What goes through here are tokens, secrets and git credentials.
    private static async ValueTask<object?> CheckLinkAsync(
        EndpointFilterInvocationContext invocation,
        EndpointFilterDelegate next
    )
    {
        var context = invocation.HttpContext;
        var options = (RemoteRunnerOptions)context.RequestServices.GetService(typeof(RemoteRunnerOptions))!;
        var local = context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address);
        if (!context.Request.IsHttps && !local && !options.AllowInsecure)
        {
            return Problem(
                StatusCodes.Status403Forbidden,
                "This server talks to runners of other machines over https only",
                "Put a proxy with a certificate before it. On a network that is nobody else's, set "
                    + "runners.allowInsecure in testgrid.json."
            );
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = BodyMax;
        return await next(invocation);
    }

    private static async Task<IResult> HelloAsync(
        HttpContext context,
        RunnerRegister register,
        QueueOptions queue,
        CancellationToken stop
    )
    {
        if (await ReadAsync(context, HelloJson.Default.RunnerHello, stop) is not { } hello)
            return Unreadable();
        var (token, place) = Caller(context);
        if (await register.HelloAsync(hello with { Place = place }, token, stop) is { } why)
            return Problem(StatusCodes.Status409Conflict, "This runner cannot come in", why);
        return Json(Reply(queue), HelloJson.Default.HelloReply);
    }

    private static HelloReply Reply(QueueOptions queue)
    {
        var to = QueueAddress.Of(queue);
        return new HelloReply(SignInEndpoints.Version, to.Kind, to.VirtualHost, to.Name);
    }

    private static async Task<IResult> GoodbyeAsync(
        HttpContext context,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        if (await ReadAsync(context, HelloJson.Default.RunnerName, stop) is not { Name: { } name })
            return Unreadable();
        await register.GoodbyeAsync(name, Caller(context), stop);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> AskAsync(
        string asking,
        string runner,
        int wait,
        HttpContext context,
        HandedOrders orders,
        RunnerRegister register,
        IHostApplicationLifetime server
    )
    {
        // A call that is held must not hold up the server's end.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted,
            server.ApplicationStopping
        );
        if (!await register.OwnsAsync(runner, Caller(context), either.Token))
            return NotYours();
        var hold = TimeSpan.FromSeconds(Math.Clamp(wait, 0, HoldMax.TotalSeconds));
        return await orders.AskAsync(Caller(context).Token, asking, runner, hold, either.Token) is { } order
            ? Json(order, HttpOrderJson.Default.JobOrder)
            : TypedResults.NoContent();
    }

    private static async Task<IResult> SettleAsync(
        string asking,
        bool acknowledged,
        HttpContext context,
        HandedOrders orders
    )
    {
        await orders.SettleAsync(Caller(context).Token, asking, acknowledged);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> ClaimAsync(
        HttpContext context,
        ClaimAnswers claims,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        if (await ReadAsync(context, ReportJson.Default.ClaimAsked, stop) is not { Nonce.Length: 32 } asked)
            return Unreadable();
        if (!await register.OwnsAsync(asked.Runner, Caller(context), stop))
            return NotYours();
        context.Response.Headers.CacheControl = "no-store";
        return await claims.ClaimAsync(Caller(context).Token, asked.Nonce, asked.Job, asked.Runner) is { } claim
            ? Json(ClaimReply.Of(claim), ReportJson.Default.ClaimReply)
            : TypedResults.NoContent();
    }

    private static async Task<IResult> RenewAsync(
        HttpContext context,
        Recorder recorder,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        if (await ReadAsync(context, ReportJson.Default.JobLease, stop) is not { Token: not null } lease)
            return Unreadable();
        return register.Holds(lease, Caller(context).Token) ? Wish(await recorder.RenewAsync(lease, stop)) : NotYours();
    }

    private static async Task<IResult> DecideAsync(
        HttpContext context,
        Recorder recorder,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        var told = await ReadAsync(context, ReportJson.Default.BundleDecision, stop);
        if (told is not { Lease.Token: not null, Bundle: { } mine })
            return Unreadable();
        return !register.Holds(told.Lease, Caller(context).Token) ? NotYours()
            : await recorder.DecideBundleAsync(told.Lease, told.Service, mine, stop) is { } decided
                ? Json(told with { Bundle = decided }, ReportJson.Default.BundleDecision)
            : TypedResults.NoContent();
    }

    private static async Task<IResult> EventAsync(
        HttpContext context,
        Recorder recorder,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        var told = await ReadAsync(context, ReportJson.Default.EventTold, stop);
        if (told is not { Lease.Token: not null, Event.Event: { } happened } || Bounded(happened) is not { } bounded)
            return Unreadable();
        return register.Holds(told.Lease, Caller(context).Token)
            ? Wish(await recorder.ReportAsync(told.Lease, bounded, stop))
            : NotYours();
    }

    private static async Task<IResult> LogAsync(
        JobId id,
        int attempt,
        long offset,
        HttpContext context,
        Recorder recorder,
        LogFiles logs,
        RunnerRegister register
    )
    {
        var lease = new JobLease(id, attempt, context.Request.Headers[ReportJson.LeaseHeader].ToString());
        if (!register.Holds(lease, Caller(context).Token))
            return NotYours();
        using var bytes = new MemoryStream();
        await context.Request.Body.CopyToAsync(bytes, context.RequestAborted);
        var output = new OutputWritten(offset, bytes.GetBuffer().AsMemory(0, (int)bytes.Length));
        var wish = JobWish.CarryOn;
        try
        {
            wish = await recorder.ReportAsync(lease, output, context.RequestAborted);
        }
        catch (ReportGapException)
        {
            // The end says it: the runner has all of the log, and tells again from there.
        }
        return Json(new WishReply(wish, logs.Length(id, attempt)), ReportJson.Default.WishReply);
    }

    private static async Task<IResult> ReleaseAsync(
        HttpContext context,
        Recorder recorder,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        if (await ReadAsync(context, ReportJson.Default.LeaseReleased, stop) is not { Lease.Token: not null } released)
            return Unreadable();
        if (!register.Holds(released.Lease, Caller(context).Token))
            return NotYours();
        await recorder.ReleaseAsync(released.Lease, Short(released.Why), stop);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> ReleaseAllAsync(
        HttpContext context,
        Recorder recorder,
        RunnerRegister register,
        CancellationToken stop
    )
    {
        if (await ReadAsync(context, ReportJson.Default.RunnerName, stop) is not { Name: { } name })
            return Unreadable();
        if (!await register.OwnsAsync(name, Caller(context), stop))
            return NotYours();
        await recorder.ReleaseAllAsync(name, stop);
        return TypedResults.NoContent();
    }
}
