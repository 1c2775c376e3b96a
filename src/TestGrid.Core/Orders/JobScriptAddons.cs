using System.Text;
using System.Text.RegularExpressions;
using TestGrid.Core.Config;
using TestGrid.Core.Text;

namespace TestGrid.Core.Orders;

/// <summary>The part of a job's script that does what small addons ask for. A failure is told and ends nothing, as on Travis.</summary>
internal static partial class JobScriptAddons
{
    /// <summary>What stands before the configuration's variables.</summary>
    public static void Append(StringBuilder script, JobAddons addons)
    {
        // Added, not put in place: where the file is a mount of its own it cannot be replaced.
        if (!addons.Hosts.IsEmpty)
            Command(
                script,
                $"echo 127.0.0.1 {string.Join(' ', addons.Hosts)} | _tg_sudo tee -a /etc/hosts",
                "hosts: " + string.Join(' ', addons.Hosts)
            );
        if (addons.HasScreen)
            script.Append("travis_cmd _tg_screen --display 'Xvfb :99' --echo --timing\nexport DISPLAY=:99.0\n");
        foreach (var host in addons.KnownHosts)
        {
            var parts = host.Split(':');
            var port = parts.Length > 1 ? $" -p {parts[1]}" : "";
            Command(
                script,
                $"mkdir -p ~/.ssh && ssh-keyscan -t rsa,ecdsa,ed25519 -H{port} {parts[0]} >>~/.ssh/known_hosts",
                $"ssh-keyscan -H{port} {parts[0]}"
            );
        }
    }

    /// <summary>What may use the configuration's variables.</summary>
    public static void AppendAfterEnv(StringBuilder script, JobAddons addons)
    {
        if (addons.CodeClimateToken is { } token)
            script
                .Append("export CODECLIMATE_REPO_TOKEN=")
                .Append(Reference.IsMatch(token) ? $"\"{token}\"" : Bash.Quote(token))
                .Append('\n');
    }

    private static void Command(StringBuilder script, string command, string display) =>
        script.Append($"travis_cmd {Bash.Quote(command)} --display {Bash.Quote(display)} --echo --timing\n");

    [GeneratedRegex(@"\A\$[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex Reference { get; }
}
