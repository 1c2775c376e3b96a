using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Server.Access;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Server.Webhooks;

namespace TestGrid.Server.Dashboard;

/// <summary>The JSON of API and hub: names in camelCase, states in lower case, numbers only as numbers.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    NumberHandling = JsonNumberHandling.Strict,
    Converters = [
        typeof(WordConverter<JobState>),
        typeof(WordConverter<BuildState>),
        typeof(WordConverter<TriggerKind>),
        typeof(WordConverter<RunnerState>),
        typeof(WordConverter<PullRequestRule>),
        typeof(WordConverter<TokenScope>),
    ]
)]
[JsonSerializable(typeof(BuildList))]
[JsonSerializable(typeof(BuildDetail))]
[JsonSerializable(typeof(JobDetail))]
[JsonSerializable(typeof(ImmutableArray<AttemptRecord>))]
[JsonSerializable(typeof(ImmutableArray<RepositoryRecord>))]
[JsonSerializable(typeof(RepositoryAdded))]
[JsonSerializable(typeof(RepositoryRequest))]
[JsonSerializable(typeof(RepositoryChange))]
[JsonSerializable(typeof(HookSecretShown))]
[JsonSerializable(typeof(CredentialRequest))]
[JsonSerializable(typeof(SecretRequest))]
[JsonSerializable(typeof(ImmutableArray<string>))]
[JsonSerializable(typeof(ImmutableArray<DeliveryRecord>))]
[JsonSerializable(typeof(BuildRequested))]
[JsonSerializable(typeof(BuildStarted))]
[JsonSerializable(typeof(CancelReceipt))]
[JsonSerializable(typeof(RunnerList))]
[JsonSerializable(typeof(ImmutableArray<RunnerRecord>))]
[JsonSerializable(typeof(HookReceipt))]
[JsonSerializable(typeof(Session))]
[JsonSerializable(typeof(SignInLink))]
[JsonSerializable(typeof(ImmutableArray<TokenRecord>))]
[JsonSerializable(typeof(ImmutableArray<AuditRecord>))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(TokenAdded))]
[JsonSerializable(typeof(ConditionRecord))]
[JsonSerializable(typeof(HealthRecord))]
[JsonSerializable(typeof(VersionRecord))]
[JsonSerializable(typeof(ProblemDetails))]
internal sealed partial class DashboardJson : JsonSerializerContext;

/// <summary>An enum as its name in lower case.</summary>
internal sealed class WordConverter<T>()
    : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase, allowIntegerValues: false)
    where T : struct, Enum;
