using System.Globalization;
using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>Runs a recipe's check in the finished tree, as the first user, in a <see cref="BuildRoom"/> of its own.</summary>
internal static class TreeCheck
{
    private const int SaidMost = 64 * 1024;

    private static readonly Dictionary<string, string> Env = new()
    {
        ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    };

    // In an overlay that vanishes with its namespace: a check that writes must not change what was just digested.
    private const string Look = """
        set -e
        uid=$1 name=$2
        shift 2
        mkdir /tmp/upper /tmp/work /tmp/root
        mount -t overlay -o userxattr,lowerdir=/build/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/root
        mount --rbind /dev /tmp/root/dev
        mount --rbind /proc /tmp/root/proc
        exec chroot --userspec="$uid:$uid" --groups="$uid" /tmp/root /usr/bin/env -i "HOME=/home/$name" "USER=$name" \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" 2>&1
        """;

    /// <exception cref="BundleException">It ended otherwise than with 0, or did not say what it should.</exception>
    public static async Task RunAsync(
        IdRange range,
        Recipe recipe,
        RecipeCheck check,
        (string Room, string Tree, string Given) at,
        CancellationToken stop
    )
    {
        var user = recipe.Users.FirstOrDefault() ?? new RecipeUser("root", 0, false);
        var uid = user.Uid.ToString(CultureInfo.InvariantCulture);
        string[] command = ["sh", "-c", Look, "check", uid, user.Name, .. check.Run];
        var complaints = new StringBuilder();
        await using var process = await BuildRoom.StartAsync(range, at, command, Env, Complain, stop);
        using var output = new StreamReader(process.Output);
        var said = await output.ReadToEndAsync(stop);
        var code = await process.WaitAsync(stop);
        if (code != 0 || !said.Contains(check.Expect, StringComparison.Ordinal))
            throw new BundleException(
                $"Bundle {recipe.Name} fails its check '{string.Join(' ', check.Run)}': it ended with "
                    + $"{code}, should say '{check.Expect}', and said: {said.Trim()} {complaints}".TrimEnd()
            );

        void Complain(string line)
        {
            if (complaints.Length < SaidMost)
                complaints.Append(line).Append(' ');
        }
    }
}
