using System.IO.Pipelines;
using System.Text;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Contracts;

/// <summary>What runs beside the commands: on their localhost, in files and processes of its own.</summary>
public abstract partial class SandboxContract
{
    private const string Redis = "redis-server --bind 127.0.0.1 --port 6379 --dir /var/lib/redis --save ''";

    [Theory]
    [InlineData(SandboxNetwork.None)]
    [InlineData(SandboxNetwork.Egress)]
    public async Task A_service_answers_at_the_jobs_localhost_from_files_and_processes_of_its_own(
        SandboxNetwork network
    )
    {
        await using var bundle = await TestBundles.ServiceAsync("redis", Stop);
        await using var sandbox = await MakeAsync(network, Of("redis", bundle.Bundle));
        var said = new ServiceWords();
        _ = ServeAsync(sandbox, "redis", $"echo mine >/tmp/mark; exec {Redis}", "redis", said);

        var (exit, asked) = await BashAsync(
            sandbox,
            """
            for i in $(seq 500); do redis-cli -h localhost ping 2>/dev/null && break; sleep 0.02; done
            redis-cli set greeting hello; redis-cli get greeting
            ps -e -o comm= | grep -c redis; ls /usr/bin/redis-server /tmp/mark 2>&1 | grep -c 'No such'
            sudo pkill redis-server; redis-cli ping
            """
        );

        TestContext.Current.TestOutputHelper?.WriteLine(said.ToString());
        Assert.Equal((0, "PONG\nOK\nhello\n0\n2\nPONG\n"), (exit.ExitCode, asked));
        Assert.Contains("Ready to accept connections", said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_for_sockets_is_seen_by_both_and_postgresql_answers_there_and_at_localhost()
    {
        await using var bundle = await TestBundles.ServiceAsync("postgresql", Stop);
        await using var sandbox = await MakeAsync(
            SandboxNetwork.None,
            Of("postgresql", bundle.Bundle) with
            {
                Sockets = "/run/postgresql",
            }
        );
        var said = new ServiceWords();
        _ = ServeAsync(sandbox, "postgresql", "serve-postgresql", "postgres", said);

        var (exit, asked) = await BashAsync(
            sandbox,
            """
            for i in $(seq 600); do psql -h 127.0.0.1 -c 'select 1' >/dev/null 2>&1 && break; sleep 0.05; done
            psql -c 'create database travis_ci_test;' -U postgres
            psql -At -c 'select current_user, current_database()'
            psql -At -h localhost -U postgres -c 'create table t (n int); insert into t values (42); select n from t' travis_ci_test
            stat -c %a /run/postgresql; ls -A /run/postgresql
            """
        );

        Assert.Equal(
            "CREATE DATABASE\ntravis|travis\nCREATE TABLE\nINSERT 0 1\n42\n1777\n.s.PGSQL.5432\n.s.PGSQL.5432.lock\n",
            asked
        );
        Assert.Equal(0, exit.ExitCode);
        Assert.Contains("ready to accept connections", said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_sandboxes_have_the_same_service_at_the_same_port_each_for_itself()
    {
        await using var bundle = await TestBundles.ServiceAsync("redis", Stop);
        await using var one = await MakeAsync(SandboxNetwork.None, Of("redis", bundle.Bundle));
        await using var other = await MakeAsync(SandboxNetwork.None, Of("redis", bundle.Bundle));
        const string Wait = "for i in $(seq 500); do redis-cli ping >/dev/null 2>&1 && break; sleep 0.02; done; ";
        _ = ServeAsync(one, "redis", Redis, "redis");
        _ = ServeAsync(other, "redis", Redis, "redis");

        await BashAsync(one, Wait + "redis-cli set whose one");
        var (_, inOther) = await BashAsync(other, Wait + "redis-cli get whose; redis-cli set whose other");
        var (_, inOne) = await BashAsync(one, "redis-cli get whose");

        Assert.Equal(("\nOK\n", "one\n"), (inOther, inOne));
    }

    [Fact]
    public async Task A_services_end_is_told_with_its_code_and_the_job_goes_on()
    {
        await using var sandbox = await MakeAsync(SandboxNetwork.None, Of("side", Bundle));
        var said = new ServiceWords();

        var exit = await ServeAsync(sandbox, "side", "echo one; echo two >&2; id -un; exit 7", "travis", said);
        var (_, after) = await BashAsync(sandbox, "echo alive");

        Assert.Equal((7, "one\ntwo\ntravis\n", "alive\n"), (exit.ExitCode, said.ToString(), after));
    }

    [Fact]
    public async Task A_service_sees_nothing_of_the_job_and_is_walled_in_as_it_is()
    {
        await using var sandbox = await MakeAsync(SandboxNetwork.None, Of("side", Bundle));
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(
            sandbox,
            "echo x >/tmp/job-file; echo up; exec -a job-process sleep 100",
            "up",
            ask.Token
        );
        var said = new ServiceWords();

        await ServeAsync(
            sandbox,
            "side",
            """
            ls /tmp; ps -e -o comm= | grep sleep; hostname
            mount -t tmpfs x /mnt 2>/dev/null || echo no mount
            mknod /tmp/disk b 254 0 2>/dev/null || echo no device
            unshare -U true 2>/dev/null || echo no namespace
            """,
            "root",
            said
        );

        Assert.Equal("testgrid\nno mount\nno device\nno namespace\n", said.ToString());
        await ask.CancelAsync();
        Assert.Equal(143, (await running).ExitCode); // the polite signal is the job's alone
    }

    [Fact]
    public async Task A_service_ends_with_its_sandbox_whatever_it_does_against_it()
    {
        var word = NewWord();
        var sandbox = await MakeAsync(SandboxNetwork.None, Of("side", Bundle) with { Sockets = "/run/side" });
        var script =
            $"trap '' TERM HUP; setsid bash -c 'trap \"\" TERM HUP; exec -a {word} sleep 1000' & exec -a {word} sleep 1000";
        var serving = ServeAsync(sandbox, "side", script, "root");
        // The words of the shells around them have it too.
        await UntilAsync(() => CountProcesses(word) >= 2, "the service did not start");

        await sandbox.DisposeAsync();

        Assert.Equal(0, CountProcesses(word));
        Assert.Equal(137, (await serving).ExitCode);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_service_is_served_once_and_only_if_the_sandbox_was_made_with_it()
    {
        await using var sandbox = await MakeAsync(SandboxNetwork.None, Of("side", Bundle));
        await ServeAsync(sandbox, "side", "true", "root");

        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
            await ServeAsync(sandbox, "side", "true", "root")
        );
        await Assert.ThrowsAsync<SandboxException>(async () =>
            await MakeAsync(SandboxNetwork.None, Of("No Name", Bundle))
        );
        await Assert.ThrowsAsync<SandboxException>(async () =>
            await MakeAsync(SandboxNetwork.None, Of("side", Bundle) with { Sockets = "/proc/x" })
        );
    }

    [Fact]
    public async Task A_service_that_takes_all_the_memory_is_ended_for_it()
    {
        Assert.SkipWhen(Uncapped is not null, Uncapped ?? "");
        await using var sandbox = await Engine.CreateAsync(
            Spec(SandboxNetwork.None, Of("side", Bundle)) with
            {
                Limits = JobLimits.Default with { MemoryBytes = 256 << 20 },
            },
            Stop
        );

        var exit = await ServeAsync(sandbox, "side", "perl -e '$x = \"x\" x (1 << 30); print length $x'", "root");

        Assert.NotEqual(0, exit.ExitCode);
        Assert.True(exit.OutOfMemory);
    }

    private SandboxSpec Spec(SandboxNetwork network, SandboxService service) =>
        new("1.1-1", Bundle.RootPath, [], JobLimits.Default, network) { Digest = Bundle.Digest, Services = [service] };

    private ValueTask<Sandbox> MakeAsync(SandboxNetwork network, SandboxService service) =>
        Engine.CreateAsync(Spec(network, service), Stop);

    private static SandboxService Of(string name, Bundle bundle) =>
        new(name, bundle.RootPath) { Digest = bundle.Digest };

    private static async Task<SandboxExit> ServeAsync(
        Sandbox sandbox,
        string service,
        string script,
        string user,
        ServiceWords? words = null
    )
    {
        var pipe = new Pipe();
        var reading = (words ?? new ServiceWords()).ReadAsync(pipe.Reader);
        var command = new SandboxCommand(["bash", "-c", script], Env, "/", user);
        try
        {
            return await sandbox.ServeAsync(service, command, pipe.Writer);
        }
        finally
        {
            await pipe.Writer.CompleteAsync();
            await reading;
        }
    }

    /// <summary>What a service has said up to now.</summary>
    private sealed class ServiceWords
    {
        private readonly StringBuilder words = new();

        public async Task ReadAsync(PipeReader reader)
        {
            while (true)
            {
                var read = await reader.ReadAsync(CancellationToken.None);
                lock (words)
                    words.Append(Encoding.UTF8.GetString(read.Buffer));
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }

        public override string ToString()
        {
            lock (words)
                return words.ToString();
        }
    }
}
