using TestGrid.Tests.Support;

namespace TestGrid.Scenarios.Support;

/// <summary>
/// TestGrid's images, built by the repository's Dockerfile in a Docker daemon of the tests' own. There is no registry: the
/// base images are a Debian made by mmdebstrap, once as it is, once with this machine's .NET SDK and Node, and once with
/// Debian's own RabbitMQ.
/// </summary>
public sealed class TestImages : IAsyncLifetime
{
    public const string Server = "testgrid-server:test";
    public const string Runner = "testgrid-runner:test";
    public const string Broker = "testgrid-broker:test";

    // What a company's base image has too: its certificate authorities, and the settings of its mirror.
    private const string MakeBase = """
        set -e
        [ -s "$1" ] && exit
        root=$(mktemp -d)
        trap 'rm -rf --one-file-system "$root"' EXIT
        chmod 755 "$root"
        find /etc/apt/ -name sources.list -o -name '*.list' -o -name '*.sources' | xargs cat |
            mmdebstrap --quiet --variant=minbase --mode=root --include=ca-certificates,libssl3,libstdc++6,zlib1g \
                $(grep -ls '^Acquire::' /etc/apt/apt.conf.d/* | sed 's/^/--aptopt=/') '' "$root/debian" -
        cp -L /etc/ssl/certs/ca-certificates.crt "$root/debian/etc/ssl/certs/"
        tar -C "$root/debian" -cf "$1.new" .
        mv "$1.new" "$1"
        """;

    private const string ImportTools = """
        set -e
        node=$(readlink -f "$(command -v node)") npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
        dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
        root=$(mktemp -d)
        trap 'rm -rf --one-file-system "$root"' EXIT
        tar -C "$root" -xf "$1"
        mkdir -p "$root/usr/share/dotnet" "$root/usr/local/lib/node_modules" "$root/usr/local/bin"
        cp -a "$dotnet/." "$root/usr/share/dotnet"
        cp -a "$node" "$root/usr/local/bin/node"
        cp -a "$npm" "$root/usr/local/lib/node_modules/npm"
        ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
        tar -C "$root" -c . | docker import \
            -c 'ENV DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 PATH=/usr/share/dotnet:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
            -c 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
            -c "ENV NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE:-online}" - testgrid-tools:test
        """;

    // As the official image has it: an entrypoint that starts as root, and a broker that is not.
    private const string BuildBroker = """
        set -e
        docker build --quiet --network=host --tag "$1" - <<'DOCKERFILE'
        FROM testgrid-debian:test
        RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && apt-get -qq update && \
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install rabbitmq-server >/dev/null && \
            printf '#!/bin/sh\nchown rabbitmq: /var/lib/rabbitmq; export HOME=/var/lib/rabbitmq RABBITMQ_LOGS=-\n\
            exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- /usr/lib/rabbitmq/bin/"$@"\n' >/usr/local/bin/docker-entrypoint.sh && \
            chmod 755 /usr/local/bin/docker-entrypoint.sh
        VOLUME /var/lib/rabbitmq
        DOCKERFILE
        """;

    private static readonly string[] FromHere =
    [
        "--network=host", // this daemon has no bridge of its own
        "--build-arg=SDK_IMAGE=testgrid-tools:test",
        "--build-arg=NODE_IMAGE=testgrid-tools:test",
        "--build-arg=RUN_IMAGE=testgrid-debian:test",
    ];

    // No BuildKit: Debian's Docker has none.
    private static readonly Dictionary<string, string> Environment = new() { ["DOCKER_BUILDKIT"] = "0" };

    public TestDocker Docker { get; } = new();

    /// <summary>The work tree.</summary>
    public string Home { get; } = FindHome();

    public async ValueTask InitializeAsync()
    {
        var stop = TestContext.Current.CancellationToken;
        await Docker.InitializeAsync();
        var tar = Path.Combine(SourcePackage.Cache, "container-base.tar");
        Directory.CreateDirectory(SourcePackage.Cache);
        await RunAsync(stop, "sh", "-c", MakeBase, "sh", tar);
        await RunAsync(stop, "docker", "import", tar, "testgrid-debian:test");
        await RunAsync(stop, "sh", "-c", ImportTools, "sh", tar);
        await RunAsync(stop, ["docker", "build", "--quiet", .. FromHere, "--target=runner", $"--tag={Runner}", Home]);
        await RunAsync(stop, ["docker", "build", "--quiet", .. FromHere, $"--tag={Server}", Home]);
    }

    public ValueTask DisposeAsync() => Docker.DisposeAsync();

    /// <summary>A broker's image, for who wants one.</summary>
    public Task BuildBrokerAsync(CancellationToken stop) => RunAsync(stop, "sh", "-c", BuildBroker, "sh", Broker);

    /// <inheritdoc cref="LocalDocker.RunAsync"/>
    public Task<string> RunAsync(CancellationToken stop, params string[] words) =>
        Docker.RunAsync(Environment, stop, words);

    private static string FindHome()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TestGrid.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("These tests run in the work tree.");
    }
}
