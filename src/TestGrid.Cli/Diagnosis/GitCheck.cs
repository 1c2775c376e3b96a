using TestGrid.Runner.Git;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Can repositories be fetched: libgit2, its certificates, ssh.</summary>
internal static class GitCheck
{
    public const string Part = "git";
    private const string Authorities = "/etc/ssl/certs/ca-certificates.crt";

    public static IEnumerable<Finding> Examine(Ground ground)
    {
        yield return Library(Path.Combine(ground.ScratchPath, "git"));
        yield return File.Exists(Environment.GetEnvironmentVariable("SSL_CERT_FILE") ?? Authorities)
            ? Finding.Ok(
                Part,
                "certificate authorities",
                Environment.GetEnvironmentVariable("SSL_CERT_FILE") ?? Authorities
            )
            : new Finding(
                Part,
                "certificate authorities",
                FindingLevel.Warning,
                "none: no https address can be fetched",
                "apt-get install ca-certificates"
            );
        yield return Ssh(ground);
    }

    private static Finding Library(string folder)
    {
        try
        {
            return Finding.Ok(Part, "libgit2", GitFacts.Try(folder));
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            return new Finding(
                Part,
                "libgit2",
                FindingLevel.Failure,
                (e.InnerException ?? e).Message.Split('\n')[0],
                "reinstall testgrid: its runtimes folder lies beside the program"
            );
        }
    }

    private static Finding Ssh(Ground ground)
    {
        var ssh = ground.Git.Ssh;
        var found = ssh.Contains('/') ? (File.Exists(ssh) ? ssh : null) : ground.FindProgram(ssh);
        return found is not null
            ? Finding.Ok(Part, "ssh", found)
            : Finding.Note(
                Part,
                "ssh",
                $"no {ssh}: repositories with an ssh address cannot be fetched",
                "apt-get install openssh-client"
            );
    }
}
