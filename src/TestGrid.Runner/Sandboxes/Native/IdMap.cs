namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>Gives a user namespace its ids: 0 to 65535 inside are the sandbox's range outside, and nobody else's.</summary>
internal static class IdMap
{
    /// <summary>Maps them by hand as root, and through <c>newuidmap</c> and <c>newgidmap</c> as an ordinary user.</summary>
    /// <param name="process">A process in the namespace.</param>
    /// <param name="first">What 0 inside is outside.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="SandboxException">The user was not granted them; the message says how to.</exception>
    public static async Task WriteAsync(int process, int first, CancellationToken stop)
    {
        const int Count = SandboxOptions.IdCount;
        if (Posix.UserId == 0)
        {
            foreach (var map in (string[])["uid_map", "gid_map"])
                await File.WriteAllTextAsync($"/proc/{process}/{map}", $"0 {first} {Count}", stop);
            return;
        }
        foreach (var (program, list) in new[] { ("newuidmap", "/etc/subuid"), ("newgidmap", "/etc/subgid") })
        {
            string[] argv = [program, $"{process}", "0", $"{first}", $"{Count}"];
            var (exit, said) = await ChildProgram.RunAsync(argv, stop);
            if (exit == 0)
                continue;
            throw new SandboxException(
                $"{program} refused the ids from {first} on: {said} Add '{Environment.UserName}:{first}:{Count}' to {list}."
            );
        }
    }
}
