using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TestGrid.Runner.Link;

/// <summary>What a runner has to offer, for people who look for one.</summary>
/// <param name="Version">TestGrid's.</param>
/// <param name="Os">Such as <c>Debian GNU/Linux 12 (bookworm)</c>.</param>
/// <param name="Arch">Such as <c>x64</c>.</param>
/// <param name="Engines">Its sandbox engines.</param>
/// <param name="Bundles">The recipes whose bundle is there already.</param>
public sealed record RunnerOffer(
    string Version,
    string Os,
    string Arch,
    ImmutableArray<string> Engines,
    ImmutableArray<string> Bundles
)
{
    /// <summary>Whether nothing changed: records compare lists by reference.</summary>
    public bool Same(RunnerOffer other) =>
        (Version, Os, Arch) == (other.Version, other.Os, other.Arch)
        && Engines.SequenceEqual(other.Engines)
        && Bundles.SequenceEqual(other.Bundles);
}

/// <summary>A runner is here: said at its start, and then every few seconds.</summary>
/// <param name="Name">Its name; it belongs to the first token that said it.</param>
/// <param name="Slots">Jobs at once.</param>
public sealed record RunnerHello(string Name, int Slots, RunnerOffer Offer)
{
    /// <summary>Where the name is said (<see cref="LinkOptions.Place"/>): the server has it from the call itself.</summary>
    [JsonIgnore]
    public string Place { get; init; } = "";
}

/// <param name="Version">The server's.</param>
/// <param name="Queue">The kind of queue that it publishes its orders to.</param>
/// <param name="VirtualHost">Where on the broker that is, if there is one.</param>
/// <param name="QueueName">The queue's name on the broker, if there is one.</param>
public sealed record HelloReply(string Version, string Queue, string? VirtualHost = null, string? QueueName = null);

/// <summary>Why a runner would get no orders from a server that answers so, and what mends it; null when it gets them.</summary>
public delegate string? HelloObjection(HelloReply server);

/// <param name="Name">The runner that goes away on purpose.</param>
public sealed record RunnerName(string Name);

/// <summary>Nothing to say but that it was done.</summary>
public sealed record Done;

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(RunnerHello))]
[JsonSerializable(typeof(HelloReply))]
[JsonSerializable(typeof(RunnerName))]
[JsonSerializable(typeof(Done))]
public sealed partial class HelloJson : JsonSerializerContext;
