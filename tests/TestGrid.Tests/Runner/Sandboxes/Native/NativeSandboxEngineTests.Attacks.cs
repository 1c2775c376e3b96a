using System.Diagnostics;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>What a hostile job tries, and what it must not find, hold or leave. docs/security.md names them.</summary>
public abstract partial class NativeSandboxEngineContract
{
    [Fact]
    public async Task A_fork_bomb_meets_its_limit_and_the_neighbour_works_on()
    {
        var word = NewWord();
        var bomber = await MakeAsync(limits: JobLimits.Default with { Processes = 120 });
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(
            bomber,
            $"echo up; exec -a {word} perl -e '$0 = \"{word}\"; while (1) {{ fork(); select undef, undef, undef, 0.01 }}'",
            "up\n",
            ask.Token
        );
        await UntilAsync(() => CountProcesses(word) > 40, "the bomb did not go off");

        await using var neighbour = await MakeAsync();
        var (_, said) = await BashAsync(neighbour, "for i in {1..50}; do /bin/true || exit 1; done; echo works");

        Assert.Equal("works\n", said);
        Assert.InRange(CountProcesses(word), 1, 160);
        var first = Stopwatch.GetTimestamp();
        await bomber.DisposeAsync();
        Assert.Equal(0, CountProcesses(word));
        Assert.InRange(Stopwatch.GetElapsedTime(first).TotalSeconds, 0, 5);
        await running;
    }

    [Fact]
    public async Task Shared_memory_is_bounded_and_charged_to_the_job()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { MemoryBytes = 512 << 20 });

        var (_, said) = await BashAsync(
            sandbox,
            "head -c 1G /dev/zero >/dev/shm/x; du -m --apparent-size /dev/shm/x; "
                + "head -c 1M /dev/zero >/dev/x 2>&1 || sudo sh -c 'head -c 1M /dev/zero >/dev/x'"
        );

        Assert.Contains("128\t/dev/shm/x", said, StringComparison.Ordinal);
        Assert.Contains("No space left on device", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_file_that_can_be_opened_is_opened_and_the_host_does_not_mind()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { MemoryBytes = 512 << 20 });

        await BashAsync(
            sandbox,
            """
            perl -e 'for (1 .. 10) { if (!fork) { my @f; while (pipe(my $r, my $w)) { push @f, $r, $w; last if @f > 20000 } sleep 1; exit } } wait for 1 .. 10'
            perl -e 'my $n = 0; while ((my $q = syscall(240, my $name = "q$n\0", 0101, 0600, 0)) >= 0) { last if ++$n > 2000 }'
            perl -e 'while (1) { last if syscall(253) < 0 || $n++ > 3000 }'
            for i in {1..300}; do ipcmk -M 4096 >/dev/null 2>&1 || break; done; true
            """
        );

        using var file = File.OpenRead("/proc/self/status");
        await using var neighbour = await MakeAsync();
        Assert.Equal("x\n", (await BashAsync(neighbour, "echo x >/tmp/x; cat /tmp/x")).Said);
    }

    [Fact]
    public async Task Root_inside_is_nobody_that_this_machine_knows()
    {
        var word = NewWord();
        await using var sandbox = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var script =
            $"sudo touch /tmp/r; (sudo bash -c 'exec -a {word} sleep 100') & (exec -a {word} sleep 100) & "
            + "cat /proc/self/uid_map | xargs; wait";
        var (running, _) = await StartAsync(sandbox, script, $"0 {FirstId} 65536\n", ask.Token);
        await UntilAsync(() => CountProcesses(word) >= 2, "they did not start");

        foreach (var process in Processes(word))
        {
            var ids = File.ReadLines($"/proc/{process}/status")
                .Where(line =>
                    line.StartsWith("Uid:", StringComparison.Ordinal)
                    || line.StartsWith("Gid:", StringComparison.Ordinal)
                )
                .SelectMany(line => line.Split('\t').Skip(1))
                .Select(int.Parse);
            Assert.All(ids, id => Assert.InRange(id, FirstId, FirstId + SandboxOptions.IdCount - 1));
        }
        await ask.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Devices_capabilities_and_setuid_programs_are_few_and_reach_no_further_than_the_sandbox()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            """
            for f in /dev/*; do if test -b $f -o -c $f; then echo $f; fi; done | xargs
            sudo grep CapBnd /proc/self/status
            grep -E 'Cap(Eff|Prm|Inh|Amb)' /proc/self/status | sort -u | cut -f2 | sort -u
            cp /bin/id /tmp/id; sudo chown root /tmp/id; sudo chmod 4755 /tmp/id; /tmp/id -u
            sudo setcap cap_sys_admin+ep /tmp/id 2>/dev/null && /tmp/id -u; true
            grep Seccomp: /proc/self/status
            """
        );

        var lines = said.Split('\n');
        Assert.Equal(
            "/dev/full /dev/null /dev/ptmx /dev/random /dev/tty /dev/urandom /dev/zero",
            // An OCI runtime links /dev/core to what is masked, where the kernel has it.
            lines[0]
                .Replace("/dev/pts/ptmx ", "", StringComparison.Ordinal)
                .Replace("/dev/core ", "", StringComparison.Ordinal)
        );
        var bounding = Convert.ToUInt64(lines[1].Split('\t')[1], 16);
        Assert.Equal(11, System.Numerics.BitOperations.PopCount(bounding));
        Assert.Equal(0UL, bounding & (1UL << 21 | 1UL << 12 | 1UL << 13 | 1UL << 16 | 1UL << 19 | 1UL << 27)); // admin, net, raw, module, ptrace, mknod
        Assert.Equal("0000000000000000", lines[2]);
        Assert.Equal("0", lines[3]);
        Assert.Contains("Seccomp:\t2", lines);
    }

    [Fact]
    public async Task Canaries_of_the_runner_and_of_a_neighbour_are_found_nowhere()
    {
        var canary = NewWord();
        Environment.SetEnvironmentVariable("CANARY", canary);
        await File.WriteAllTextAsync(Path.Combine(Path.GetTempPath(), canary), canary, Stop);
        await using var neighbour = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(
            neighbour,
            $"export C={canary}; echo {canary} >/tmp/c; echo {canary} >/dev/shm/c; echo up; exec -a {canary} sleep 100",
            "up\n",
            ask.Token
        );
        await using var sandbox = await MakeAsync();

        var (_, said) = await RunAsync(
            sandbox,
            Command([
                "bash",
                "-c",
                """
                w=${1:0:5}; w=$w${1:5}
                { cat /proc/*/environ /proc/*/cmdline /proc/*/mountinfo /proc/net/unix /proc/keys
                  ls -l /proc/*/fd /proc/*/root/ /tmp /dev/shm /run; env; keyctl show; cat /tmp/* /dev/shm/*; mount; ipcs
                } 2>/dev/null | tr '\0' '\n' | grep -a mark- | grep -av "^bash\|^w=\|^-c"  | sort -u
                """,
            ]) with
            {
                User = "root",
            }
        );

        Assert.DoesNotContain(canary, said, StringComparison.Ordinal);
        File.Delete(Path.Combine(Path.GetTempPath(), canary));
        await ask.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Links_that_lead_out_lead_nowhere()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            $"""
            cd; ln -s /proc/1/root/../../../..{Folder.Path} out; ls out/ 2>/dev/null
            ln -s {Folder.Path} direct; ls direct/ 2>/dev/null
            ln /etc/shadow hard 2>/dev/null && cat hard
            ls /proc/1/cwd/../../../..{Folder.Path} 2>/dev/null; sudo chroot /proc/1/root ls {Folder.Path} 2>/dev/null
            perl -e 'chdir "/"; mkdir "/tmp/j"; chroot "/tmp/j"; chdir ".." for 1 .. 50; print -e "{Bundle.RootPath[
                1..
            ]}" ? "out" : ""'
            """
        );

        Assert.Equal("", said);
    }

    [Fact]
    public async Task A_job_that_stops_itself_or_its_pods_first_process_is_still_ended()
    {
        var word = NewWord();
        var sandbox = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(
            sandbox,
            $"(exec -a {word} sleep 1000) & sudo kill -STOP 1; sudo kill -KILL 1; kill -STOP -1; echo up; kill -STOP $$",
            "up\n",
            ask.Token
        );
        await ask.CancelAsync();

        await sandbox.DisposeAsync();

        Assert.Equal(0, CountProcesses(word));
        await running;
        AssertNothingLeft();
    }

    [Fact]
    public async Task What_is_hard_to_remove_is_gone_soon()
    {
        var sandbox = await MakeAsync();
        await BashAsync(
            sandbox,
            """
            mkdir /tmp/m; cd /tmp/m; perl -e 'for (1 .. 20000) { open my $f, ">", $_ }'; mkdir closed; touch closed/x; chmod 000 closed
            touch $'line\nfeed' $'\xff\xfe' -- -rf; sudo chattr +i -- -rf 2>/dev/null
            perl -e 'for (1 .. 10000) { mkdir "d"; chdir "d" or last }'
            sudo sh -c 'touch /root/x /etc/x; chown -R 1234:1234 /opt'; true
            """
        );

        var first = Stopwatch.GetTimestamp();
        await sandbox.DisposeAsync();

        Assert.InRange(Stopwatch.GetElapsedTime(first).TotalSeconds, 0, 5);
        AssertNothingLeft();
    }

    [Fact]
    public async Task The_next_job_finds_every_file_as_the_first_found_it()
    {
        const string Tree =
            "(sudo find / -xdev -printf '%p %y %m %U %G %l\\n' | sort; sudo find / -xdev -type f -print0 | sort -z | sudo xargs -0 sha256sum) | sha256sum";
        string first;
        await using (var one = await MakeAsync())
            first = (
                await BashAsync(
                    one,
                    Tree
                        + "; sudo sh -c 'echo x >>/etc/hosts; rm -rf /usr/share/doc; touch ~/.gitconfig /etc/cron.d/x /usr/local/bin/git'"
                )
            ).Said;

        await using var other = await MakeAsync();

        Assert.Equal(first, (await BashAsync(other, Tree)).Said);
    }

    [Fact]
    public async Task One_jobs_limits_are_no_other_ones()
    {
        await using var one = await MakeAsync(limits: JobLimits.Default with { Processes = 60 });
        await using var other = await MakeAsync(limits: JobLimits.Default with { Processes = 60 });
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(
            one,
            "perl -e 'for (1 .. 200) { my $p = fork(); last unless defined $p; if (!$p) { sleep 100; exit } } print \"up\\n\"; close STDOUT; sleep 100'",
            "up\n",
            ask.Token
        );

        var (_, said) = await BashAsync(
            other,
            "perl -e 'my $n = 0; for (1 .. 30) { my $p = fork(); last unless defined $p; if (!$p) { sleep 1; exit } $n++ } print $n'"
        );

        Assert.Equal("30", said);
        await one.DisposeAsync();
        await running;
    }
}
