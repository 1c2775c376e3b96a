using System.Text;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// A pod's packet filter, as what the launcher sends to the kernel (<c>launcher/filter.c</c>). nft compiles the rules once
/// in the runner's life, as libseccomp does the seccomp profile: for each pod it took as long as all the rest.
/// </summary>
internal sealed class PacketFilter
{
    private const int NotRepeated = 124; // launcher.h

    private volatile Compiled? last;

    /// <summary>The filter that these rules are; empty for none.</summary>
    /// <param name="rules">As nft(8) reads them.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="SandboxException">nft is not installed, or refuses them.</exception>
    public async ValueTask<byte[]> OfAsync(string rules, CancellationToken stop)
    {
        if (rules.Length == 0)
            return [];
        if (last is { } made && made.Rules == rules)
            return made.Filter;
        // Two at once make the same.
        last = new Compiled(rules, await CompileAsync(rules, stop));
        return last.Filter;
    }

    private static async Task<byte[]> CompileAsync(string rules, CancellationToken stop)
    {
        ChildProgram.Find("nft");
        using var process = ChildProgram.Start([], OwnLauncher.Find().FullPath, "filter");
        using var filter = new MemoryStream();
        var copying = process.StandardOutput.BaseStream.CopyToAsync(filter, stop);
        var complaints = process.StandardError.ReadToEndAsync(stop);
        await process.StandardInput.WriteAsync(rules.AsMemory(), stop);
        process.StandardInput.Close();
        await copying;
        await process.WaitForExitAsync(stop);
        return process.ExitCode switch
        {
            0 => filter.ToArray(),
            // A kernel that tells of more than it wants to hear: nft makes the filter in each pod then.
            NotRepeated => Encoding.UTF8.GetBytes(rules),
            _ => throw new SandboxException($"The packet filter cannot be made: {(await complaints).Trim()}"),
        };
    }

    private sealed record Compiled(string Rules, byte[] Filter);
}
