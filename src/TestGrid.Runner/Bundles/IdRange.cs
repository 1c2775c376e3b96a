using System.Diagnostics;
using System.Globalization;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// The 65536 ids on this machine that stand for 0 to 65535 in every sandbox: strangers here, whole users inside.
/// What is unpacked by the range's root belongs to the range, set-id bits and file capabilities included, and no
/// setuid file in it can ever mean a user of this machine.
/// </summary>
/// <param name="Base">Outside's id of root inside.</param>
public sealed record IdRange(long Base)
{
    private const int Count = 65536;
    private const string Enter = "echo ready; read -r go; exec setpriv --reuid 0 --regid 0 --clear-groups -- \"$@\"";

    private static bool IsRoot => Posix.EffectiveUser() == 0;

    /// <summary>
    /// Starts a program as root of the range, in a user and mount namespace of its own. All three streams are pipes;
    /// closing its input is how it learns that we are gone.
    /// </summary>
    /// <param name="withOwner">
    /// Whether our own id, when we are an ordinary user, is mapped too, as the last one: so that the range's root may take over
    /// a folder that we made. Never for a program of strangers: it could become us.
    /// </param>
    /// <exception cref="BundleException">This machine does not allow it; the message has the remedy.</exception>
    internal async Task<Process> StartAsync(IEnumerable<string> program, CancellationToken stop, bool withOwner = true)
    {
        string[] enter = ["setsid", "unshare", "--user", "--mount", "--keep-caps", "--", "sh", "-c", Enter, "range"];
        var start = Piped([.. enter, .. program]);
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        var process = Run(start);
        try
        {
            if (await process.StandardOutput.ReadLineAsync(stop) != "ready")
                throw new BundleException(
                    $"No user namespace could be made: {(await process.StandardError.ReadToEndAsync(stop)).Trim()}. "
                        + "Is kernel.unprivileged_userns_clone or user.max_user_namespaces off?"
                );
            if (IsRoot)
            {
                var map = string.Create(CultureInfo.InvariantCulture, $"0 {Base} {Count}\n");
                await File.WriteAllTextAsync($"/proc/{process.Id}/uid_map", map, stop);
                await File.WriteAllTextAsync($"/proc/{process.Id}/gid_map", map, stop);
            }
            else
            {
                await MapAsync("newuidmap", process.Id, withOwner ? Posix.EffectiveUser() : null, stop);
                await MapAsync("newgidmap", process.Id, withOwner ? Posix.EffectiveGroup() : null, stop);
            }
            await process.StandardInput.BaseStream.WriteAsync("go\n"u8.ToArray(), stop);
            await process.StandardInput.BaseStream.FlushAsync(stop);
            return process;
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
            throw;
        }
    }

    /// <summary>Removes a folder whatever it belongs to; links are removed, not followed.</summary>
    internal async Task RemoveAsync(string folder, CancellationToken stop)
    {
        // Not Directory.Delete: it stumbles over names that are no UTF-8, and packages and repositories have such.
        string[] remove = ["rm", "-rf", "--one-file-system", "--", folder];
        using var process = IsRoot ? Run(Piped(remove)) : await StartAsync(remove, stop);
        process.StandardInput.Close();
        var errors = await process.StandardError.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        if (process.ExitCode != 0)
            throw new BundleException($"{folder} could not be removed: {errors.Trim()}");
    }

    private async Task MapAsync(string tool, int process, uint? own, CancellationToken stop)
    {
        var start = new ProcessStartInfo(tool) { RedirectStandardError = true };
        long[] numbers = own is { } id ? [process, 0, Base, Count - 1, Count - 1, id, 1] : [process, 0, Base, Count];
        foreach (var number in numbers)
            start.ArgumentList.Add(number.ToString(CultureInfo.InvariantCulture));
        using var mapping = Run(start);
        var errors = await mapping.StandardError.ReadToEndAsync(stop);
        await mapping.WaitForExitAsync(stop);
        if (mapping.ExitCode != 0)
            throw new BundleException(
                $"{tool} refused the ids {Base} to {Base + Count - 1}: {errors.Trim()}. "
                    + $"Remedy: usermod --add-subuids {Base}-{Base + Count - 1} "
                    + $"--add-subgids {Base}-{Base + Count - 1} USER"
            );
    }

    /// <summary>Gives an empty folder of ours to the range's root.</summary>
    internal async Task TakeOverAsync(string folder, CancellationToken stop)
    {
        if (IsRoot)
        {
            Posix.GiveTo(folder, Base, Base);
            return;
        }
        if (await RunAsync(["chown", "0:0", "--", folder], stop) is { } errors)
            throw new BundleException($"{folder} could not be given to the id range: {errors}");
    }

    /// <summary>Runs a program as root of the range to its end: null, or what it complained of when it failed.</summary>
    internal async Task<string?> RunAsync(IEnumerable<string> program, CancellationToken stop)
    {
        using var process = await StartAsync(program, stop);
        process.StandardInput.Close();
        var errors = await process.StandardError.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        return process.ExitCode == 0 ? null : errors.Trim();
    }

    private static ProcessStartInfo Piped(string[] words) =>
        new(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };

    private static Process Run(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new BundleException($"{start.FileName} did not start.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new BundleException($"{start.FileName} is missing. Remedy: apt-get install uidmap util-linux", e);
        }
    }
}
