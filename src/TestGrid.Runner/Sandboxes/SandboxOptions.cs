using System.ComponentModel.DataAnnotations;
using System.Net;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Sandboxes;

/// <summary>The operator's settings for sandboxes, checked at start.</summary>
public sealed class SandboxOptions : IValidatableObject
{
    /// <summary>How many user and group ids a sandbox has; the same in <c>/etc/subuid</c>'s usual lines.</summary>
    public const int IdCount = 65536;

    /// <summary>Where sandboxes that live now are noted down, so that what a crash leaves is found. Made if missing.</summary>
    [Required]
    public string StatePath { get; set; } = "/var/lib/testgrid/sandboxes";

    /// <summary>
    /// What id 0 inside is outside. Bundles and checkouts belong to the same range. A runner that is not root needs
    /// this range in <c>/etc/subuid</c> and <c>/etc/subgid</c>.
    /// </summary>
    [Range(1, int.MaxValue - IdCount)]
    public int FirstId { get; set; } = 100_000;

    /// <summary>
    /// What starts containers: <c>launcher</c>, our own; or an OCI runtime: <c>crun</c>, <c>runc</c> or a path to one
    /// like them. Empty takes our own.
    /// </summary>
    public string Runtime { get; set; } = "";

    /// <summary>The most that any sandbox may write, in bytes, whatever its job asks for; 0 leaves it to the job's limits.</summary>
    [Range(0, long.MaxValue)]
    public long DiskBytesMost { get; set; }

    /// <summary>What a sandbox may write: bytes, and files.</summary>
    internal (long Bytes, long Files) RoomFor(JobLimits limits)
    {
        var bytes = DiskBytesMost > 0 ? Math.Min(DiskBytesMost, limits.DiskBytes) : limits.DiskBytes;
        // A file is 16 KB on average in source trees; a million empty ones must not eat the memory either.
        return (bytes, Math.Max(20_000, bytes / 16384));
    }

    /// <summary>
    /// Runs jobs of strangers (pull requests from forks) also where the memory of a job cannot be limited: under a
    /// runner that is an ordinary user, with control groups of version 1 or without delegation. Such a job can take all
    /// of the machine.
    /// </summary>
    public bool StrangersUnlimited { get; set; }

    /// <summary>Networks that no job reaches, beside the private ones, in CIDR form: <c>203.0.113.0/24</c>. IPv4.</summary>
    public IList<string> DeniedNetworks { get; } = [];

    /// <summary>Networks that jobs reach although they are private, in CIDR form: a mirror or a proxy. IPv4. They win.</summary>
    public IList<string> AllowedNetworks { get; } = [];

    /// <summary>Sandboxes' namespaces made in advance, so that a job need not wait for them; each is used once. 0 makes none.</summary>
    [Range(0, 64)]
    public int PreparedPods { get; set; } = 1;

    /// <summary>
    /// The Docker daemon's socket, for the docker engine: <c>unix:///var/run/docker.sock</c>. It must be one of this
    /// machine: it is shown this machine's folders.
    /// </summary>
    [Required, RegularExpression("^unix:///.+")]
    public string DockerHost { get; set; } = "unix:///var/run/docker.sock";

    /// <summary>
    /// The networks of the docker engine's sandboxes are cut out of this one, 16 addresses for each, in CIDR form.
    /// Nothing else on this machine may use it.
    /// </summary>
    [Required]
    public string DockerNetwork { get; set; } = "10.213.0.0/16";

    /// <summary>
    /// Lets the docker engine give jobs a network also where it cannot filter it (a runner that is not root): they then
    /// reach this machine, its neighbours and metadata services. For code that you trust only.
    /// </summary>
    public bool DockerUnfiltered { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Path.IsPathRooted(StatePath))
            yield return new ValidationResult($"StatePath '{StatePath}' is not absolute.", [nameof(StatePath)]);
        if (!IPNetwork.TryParse(DockerNetwork, out var pool) || pool.PrefixLength is < 8 or > 24)
            yield return new ValidationResult(
                $"DockerNetwork '{DockerNetwork}' is not an IPv4 network of 256 addresses or more.",
                [nameof(DockerNetwork)]
            );
        foreach (var network in DeniedNetworks.Concat(AllowedNetworks))
        {
            if (!IPNetwork.TryParse(network, out var read) || read.BaseAddress.GetAddressBytes().Length != 4)
                yield return new ValidationResult(
                    $"'{network}' is not an IPv4 network: write it as 203.0.113.0/24.",
                    [nameof(DeniedNetworks), nameof(AllowedNetworks)]
                );
        }
    }
}
