using System.Diagnostics;
using System.Globalization;
using TestGrid.Cli.Api;

namespace TestGrid.Cli.Machine;

/// <summary>The person behind <c>sudo</c>: later commands are theirs, so the connection is left to them too.</summary>
internal sealed class SudoCaller
{
    private readonly string user;
    private readonly int userId;
    private readonly int groupId;
    private readonly string home;

    private SudoCaller(string user, int userId, int groupId, string home) =>
        (this.user, this.userId, this.groupId, this.home) = (user, userId, groupId, home);

    /// <summary>Who called through sudo, or null when nobody did.</summary>
    public static SudoCaller? Find()
    {
        if (
            !Environment.IsPrivilegedProcess
            || Environment.GetEnvironmentVariable("SUDO_USER") is not { Length: > 0 } name
        )
            return null;
        var entry = File.ReadLines("/etc/passwd")
            .Select(line => line.Split(':'))
            .FirstOrDefault(fields => fields.Length == 7 && fields[0] == name);
        if (entry is null || entry[2] == "0")
            return null;
        return new SudoCaller(
            name,
            int.Parse(entry[2], CultureInfo.InvariantCulture),
            int.Parse(entry[3], CultureInfo.InvariantCulture),
            entry[5]
        );
    }

    /// <summary>Leaves address and token in the caller's own configuration folder, as their file.</summary>
    public void Leave(string url, string token)
    {
        // As the caller, not as root: what stands in their home may be a link of theirs to anywhere.
        var file = Connection.FileOf(Path.Combine(home, ".config"));
        var start = new ProcessStartInfo("setpriv")
        {
            ArgumentList =
            {
                $"--reuid={userId}",
                $"--regid={groupId}",
                "--init-groups",
                "sh",
                "-c",
                "umask 077; mkdir -p \"$(dirname \"$1\")\" && cat > \"$1.new\" && mv \"$1.new\" \"$1\"",
                "sh",
                file,
            },
            RedirectStandardInput = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Write(Connection.Left(url, token));
        process.StandardInput.Close();
        process.WaitForExit();
        if (process.ExitCode != 0)
            Console.Error.WriteLine($"==> could not leave a token for {user} in {file}: use TESTGRID_TOKEN");
    }
}
