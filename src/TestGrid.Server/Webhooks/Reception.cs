using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Builds;
using TestGrid.Server.GitHosts;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Webhooks;

/// <summary>What became of a delivery.</summary>
/// <param name="Outcome">One of <see cref="DeliveryOutcome"/>.</param>
/// <param name="Why">For the sender, unless it was refused.</param>
/// <param name="Build">The build it started, or had started before.</param>
public sealed record Received(string Outcome, string Why, long? Build = null);

/// <summary>
/// Receives deliveries: finds whose secret to check one with, checks, keeps it, and starts its build. It answers only
/// when what it says is on the disk.
/// </summary>
public sealed partial class Reception(
    IEnumerable<IGitHost> hosts,
    RepositoryStore repositories,
    DeliveryStore deliveries,
    Refusals refusals,
    Bells bells,
    ILogger<Reception> log
)
{
    // Compared against when there is no repository, so that the time it takes does not tell.
    private static readonly string Dummy = Hashes.Random();

    private readonly FrozenDictionary<string, IGitHost> hosts = hosts.ToFrozenDictionary(host => host.Name);

    public IGitHost? Host(string name) => hosts.GetValueOrDefault(name);

    /// <summary>A delivery to a host's own address: its body says which repository.</summary>
    public async Task<Received> TakeAsync(IGitHost host, HookRequest request, CancellationToken stop)
    {
        var claimed = host.Claims(request) is { } slug ? repositories.FindAll(slug) : [];
        // One name may be registered on several hosts: the one whose secret fits is meant.
        var meant =
            claimed.Length < 2
                ? claimed.FirstOrDefault()
                : claimed.FirstOrDefault(one => Check(host, request, one) is not WebhookReading.Refused) ?? claimed[0];
        return await TakeAsync(host, request, meant, stop);
    }

    /// <summary>A delivery to a repository's own address: a header says which host.</summary>
    public Task<Received> TakeAsync(long repository, HookRequest request, CancellationToken stop)
    {
        var host = hosts.Values.FirstOrDefault(host => request.Header(host.SignatureHeader) is not null);
        return TakeAsync(host ?? hosts.Values.First(), request, repositories.Find(repository), stop);
    }

    private async Task<Received> TakeAsync(
        IGitHost host,
        HookRequest request,
        Repository? repository,
        CancellationToken stop
    )
    {
        var reading = Check(host, request, repository);
        if (repository is null || reading is WebhookReading.Refused)
        {
            var why =
                reading is WebhookReading.Refused(var said) && repository is not null
                    ? said
                    : "it names no registered repository";
            DeliveryRefused(log, host.Name, repository?.Slug ?? "?", why);
            await refusals.AddAsync(repository?.Id, host.Name, why, stop);
            return new Received(DeliveryOutcome.Refused, "");
        }
        var hash = Convert.ToHexStringLower(SHA256.HashData(request.Body.Span));
        var delivery = new Delivery(repository.Id, host.Name, reading.DeliveryId, reading.Event, hash);
        var received = await KeepAsync(delivery, repository, reading, stop);
        bells.Repositories.Ring();
        DeliveryKept(log, host.Name, repository.Slug, reading.Event, received.Outcome, received.Why);
        return received;
    }

    private async Task<Received> KeepAsync(
        Delivery delivery,
        Repository repository,
        WebhookReading reading,
        CancellationToken stop
    )
    {
        switch (reading)
        {
            case WebhookReading.Accepted accepted when WhyNotBuilt(repository, accepted.Trigger) is { } why:
                await deliveries.AddAsync(delivery, DeliveryOutcome.Ignored, why, stop);
                return new Received(DeliveryOutcome.Ignored, why);

            case WebhookReading.Accepted accepted:
                var request = new BuildRequest(repository.Id, accepted.Trigger, accepted.Dedupe);
                var (build, isNew) = await deliveries.AcceptAsync(delivery, request, stop);
                if (!isNew)
                    return new Received(DeliveryOutcome.Duplicate, $"build {build} was started for it before", build);
                bells.Unplanned.Ring();
                bells.BuildChanged(build);
                return new Received(DeliveryOutcome.Accepted, $"started build {build}", build);

            case WebhookReading.Ignored ignored:
                await deliveries.AddAsync(delivery, DeliveryOutcome.Ignored, ignored.Why, stop);
                if (ignored.DeletedRef is { } deleted)
                    await deliveries.ForgetPushesAsync(repository.Id, deleted, stop);
                return new Received(DeliveryOutcome.Ignored, ignored.Why);

            case WebhookReading.Unusable unusable:
                await deliveries.AddAsync(delivery, DeliveryOutcome.Unusable, unusable.Why, stop);
                return new Received(DeliveryOutcome.Unusable, unusable.Why);

            default:
                throw new InvalidOperationException($"{reading.GetType().Name} is not kept.");
        }
    }

    private static string? WhyNotBuilt(Repository repository, Trigger trigger) =>
        (trigger.PullRequest, repository.PullRequests) switch
        {
            (null, _) or (_, PullRequestRule.All) or ({ IsFork: false }, PullRequestRule.Own) => null,
            (_, PullRequestRule.None) =>
                $"pull requests are not built here: testgrid repo set {repository.Slug} --pull-requests own",
            ({ HeadSlug: var from }, _) =>
                $"it comes from the fork {from ?? "(deleted)"}, and forks are not built here: "
                    + $"testgrid repo set {repository.Slug} --pull-requests all",
        };

    private WebhookReading Check(IGitHost host, HookRequest request, Repository? repository) =>
        host.Read(request, (repository is null ? null : repositories.HookSecret(repository.Id)) ?? Dummy);

    [LoggerMessage(LogLevel.Information, "A {Host} delivery for {Repository} was {Event}: {Outcome}, {Why}")]
    private static partial void DeliveryKept(
        ILogger log,
        string host,
        string repository,
        string @event,
        string outcome,
        string why
    );

    [LoggerMessage(LogLevel.Debug, "A {Host} delivery for {Repository} was refused: {Why}")]
    private static partial void DeliveryRefused(ILogger log, string host, string repository, string why);
}
