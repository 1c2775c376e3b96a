using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Git;
using TestGrid.Runner.Link;

namespace TestGrid.Runner.Reporting.Http;

/// <summary>A claim, named by the runner: should its answer be lost, asking again gives the same one.</summary>
/// <param name="Nonce">32 hexadecimal digits that nobody used before.</param>
public sealed record ClaimAsked(JobId Job, string Runner, string Nonce);

/// <summary>What a claim gives, over HTTP: the one answer that carries secrets.</summary>
public sealed record ClaimReply(
    JobLease Lease,
    double LeaseSeconds,
    ImmutableSortedDictionary<string, string> Secrets,
    CarriedCredential? Credential,
    JobOrder? Order,
    string? Before,
    BundleDigest? Bundle = null,
    ImmutableSortedDictionary<string, BundleDigest>? ServiceBundles = null
)
{
    public static ClaimReply Of(JobClaim claim) =>
        new(
            claim.Lease,
            claim.LeaseTime.TotalSeconds,
            claim.Secrets,
            CarriedCredential.Of(claim.Credential),
            claim.Order,
            claim.Before,
            claim.Bundle,
            claim.ServiceBundles
        );

    public JobClaim Claim =>
        new(Lease, TimeSpan.FromSeconds(LeaseSeconds), Secrets, Credential?.Credential, Order, Before, Bundle)
        {
            // A server of an older version says nothing of services.
            ServiceBundles = ServiceBundles ?? ImmutableSortedDictionary<string, BundleDigest>.Empty,
        };

    public override string ToString() => $"{nameof(ClaimReply)} {{ {Lease.Job} }}"; // its parts stand in no message
}

/// <summary>A git credential on its way: a user and a password, or a key and its known hosts.</summary>
public sealed record CarriedCredential(string? User, string? Secret, string? PrivateKey, string? KnownHosts)
{
    public static CarriedCredential? Of(GitCredential? credential) =>
        credential switch
        {
            GitCredential.Password(var user, var secret) => new CarriedCredential(user, secret, null, null),
            GitCredential.SshKey(var key, var hosts) => new CarriedCredential(null, null, key, hosts),
            _ => null,
        };

    public GitCredential Credential =>
        PrivateKey is not null
            ? new GitCredential.SshKey(PrivateKey, KnownHosts ?? "")
            : new GitCredential.Password(User ?? "", Secret ?? "");

    public override string ToString() => nameof(CarriedCredential);
}

/// <summary>One event that is no output; exactly one of the parts is there.</summary>
public sealed record CarriedEvent(
    string? Waits = null,
    CarriedStart? Started = null,
    CarriedPhase? Phase = null,
    JobVerdict? Finished = null,
    CarriedCommand? Command = null
)
{
    public static CarriedEvent Of(JobEvent happened) =>
        happened switch
        {
            JobWaits(var what) => new CarriedEvent(Waits: what),
            JobStarted(var runner, var bundle, var digest) => new(Started: new CarriedStart(runner, bundle, digest)),
            PhaseFinished(var phase, var code, var took, var offset) => new(
                Phase: new CarriedPhase(phase, code, took.TotalMilliseconds, offset)
            ),
            CommandFinished command => new CarriedEvent(Command: CarriedCommand.Of(command)),
            JobFinished(var verdict) => new CarriedEvent(Finished: verdict),
            _ => throw new ArgumentException($"{happened.GetType().Name} does not go this way.", nameof(happened)),
        };

    /// <summary>The event, or null when it is none that this version knows.</summary>
    [JsonIgnore]
    public JobEvent? Event =>
        this switch
        {
            { Waits: { } what } => new JobWaits(what),
            { Started: { } start } => new JobStarted(start.Runner, start.Bundle, start.Digest),
            { Phase: { } phase } => new PhaseFinished(
                phase.Phase,
                phase.ExitCode,
                TimeSpan.FromMilliseconds(phase.Milliseconds),
                phase.LogOffset
            ),
            { Command: { } command } => command.Event,
            { Finished: { } verdict } => new JobFinished(verdict),
            _ => null,
        };
}

public sealed record CarriedStart(string Runner, string Bundle, BundleDigest Digest);

public sealed record CarriedPhase(string Phase, int ExitCode, double Milliseconds, long LogOffset);

public sealed record CarriedCommand(
    int Place,
    string Phase,
    string Command,
    int ExitCode,
    double Milliseconds,
    string Timer,
    JobUse Use
)
{
    public static CarriedCommand Of(CommandFinished told) =>
        new(told.Place, told.Phase, told.Command, told.ExitCode, told.Took.TotalMilliseconds, told.Timer, told.Use);

    [JsonIgnore]
    public CommandFinished Event =>
        new(Place, Phase, Command, ExitCode, TimeSpan.FromMilliseconds(Milliseconds), Timer, Use);
}

/// <param name="Lease">Whose event it is.</param>
public sealed record EventTold(JobLease Lease, CarriedEvent Event);

/// <param name="Why">For people.</param>
public sealed record LeaseReleased(JobLease Lease, string Why);

/// <param name="Bundle">From a runner, what it has; from the server, what the build runs on.</param>
/// <param name="Service">The recipe of a service; null for what the job itself runs in.</param>
public sealed record BundleDecision(JobLease Lease, BundleDigest Bundle, string? Service = null);

/// <summary>The answer to everything that a runner tells.</summary>
/// <param name="End">
/// Where the server's log of the attempt ends, in bytes: output that began beyond it was not kept, and is to be told
/// again from there.
/// </param>
public sealed record WishReply(JobWish Wish, long End = 0);

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(ClaimAsked))]
[JsonSerializable(typeof(ClaimReply))]
[JsonSerializable(typeof(JobLease))]
[JsonSerializable(typeof(BundleDecision))]
[JsonSerializable(typeof(EventTold))]
[JsonSerializable(typeof(CarriedEvent))]
[JsonSerializable(typeof(LeaseReleased))]
[JsonSerializable(typeof(RunnerName))]
[JsonSerializable(typeof(WishReply))]
[JsonSerializable(typeof(Done))]
public sealed partial class ReportJson : JsonSerializerContext
{
    /// <summary>Carries the fencing token where the body is the log itself. An address would stand in access logs.</summary>
    public const string LeaseHeader = "X-TestGrid-Lease";
}
