using System.Collections.Concurrent;
using System.Diagnostics;
using Docker.DotNet.Models;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// Bundles as images of the daemon: the same tree, named by the same digest, with the ids as seen inside. Imported once
/// for each daemon, however many jobs ask.
/// </summary>
internal sealed class DockerImages(DockerDaemon daemon, SandboxOptions options)
{
    private const string Repository = "testgrid-bundle";
    private readonly ConcurrentDictionary<BundleDigest, Task> imports = new();

    /// <summary>Gives the image's name, importing the tree if the daemon has not got it.</summary>
    /// <exception cref="SandboxException">It cannot be imported; nothing of it is usable then.</exception>
    public async Task<string> GetAsync(SandboxSpec spec, CancellationToken stop)
    {
        var digest =
            spec.Digest ?? throw new SandboxException($"The bundle at {spec.RootPath} has no digest to import it by.");
        var name = NameOf(digest);
        while (await FindAsync(name, stop) is null)
        {
            // Not with our token: others wait for the same import.
            var import = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var running = imports.GetOrAdd(digest, import.Task);
            if (running == import.Task)
                _ = ImportOnceAsync(spec.RootPath, digest, import);
            await running.WaitAsync(stop);
        }
        return name;
    }

    /// <summary>Removes images whose bundle is gone from this machine, and what broken imports have left.</summary>
    public async Task SweepAsync(CancellationToken stop)
    {
        var filters = DockerLabels.Having(DockerLabels.Bundle);
        var images = await daemon.AskAsync(
            "list images",
            docker => docker.Images.ListImagesAsync(new ImagesListParameters { Filters = filters }, stop)
        );
        foreach (var image in images)
        {
            var named = image.RepoTags?.Any(tag => tag.StartsWith(Repository + ":", StringComparison.Ordinal)) is true;
            if (named && Directory.Exists(image.Labels[DockerLabels.Tree]))
                continue;
            // Not by force: one that a container uses stays.
            try
            {
                await RemoveAsync(named ? image.RepoTags![0] : image.ID, stop);
            }
            catch (SandboxException) { }
        }
    }

    private static string NameOf(BundleDigest digest) => $"{Repository}:{digest.Hex}";

    private Task<ImageInspectResponse?> FindAsync(string name, CancellationToken stop) =>
        daemon.FindAsync("look for an image", docker => docker.Images.InspectImageAsync(name, stop));

    private Task RemoveAsync(string image, CancellationToken stop) =>
        daemon.ForgetAsync(
            "remove an image",
            docker => docker.Images.DeleteImageAsync(image, new ImageDeleteParameters(), stop)
        );

    private async Task ImportOnceAsync(string root, BundleDigest digest, TaskCompletionSource import)
    {
        try
        {
            await ImportAsync(root, digest);
            import.SetResult();
        }
        catch (Exception e)
        {
            import.SetException(
                e is SandboxException
                    ? e
                    : new SandboxException($"Bundle {digest.Short} cannot be imported: {e.Message}", e)
            );
        }
        finally
        {
            imports.TryRemove(digest, out _);
        }
    }

    private async Task ImportAsync(string root, BundleDigest digest)
    {
        using var tar = await ReadTreeAsync(root, options.FirstId, CancellationToken.None);
        var complaints = tar.StandardError.ReadToEndAsync(CancellationToken.None);
        var id = "";
        var refused = "";
        var heard = new Heard(message =>
        {
            if (message.Status?.StartsWith("sha256:", StringComparison.Ordinal) is true)
                id = message.Status;
            refused = message.Error?.Message ?? message.ErrorMessage ?? refused;
        });
        // Without a name: a tree that was cut short looks whole to the daemon, and must not be found.
        var parameters = new ImagesCreateParameters
        {
            FromSrc = "-",
            Changes = [$"LABEL {DockerLabels.Bundle}={digest}", $"LABEL {DockerLabels.Tree}={Quoted(root)}"],
        };
        try
        {
            await daemon.AskAsync(
                "import a bundle",
                docker => docker.Images.CreateImageAsync(parameters, tar.StandardOutput.BaseStream, null, heard)
            );
        }
        finally
        {
            tar.StandardInput.Close();
            tar.StandardOutput.Close();
            await tar.WaitForExitAsync(CancellationToken.None);
        }
        if (tar.ExitCode != 0 || id.Length == 0)
        {
            if (id.Length > 0)
                await RemoveAsync(id, CancellationToken.None);
            throw new SandboxException(
                $"Bundle {digest.Short} cannot be imported into Docker: "
                    + (refused.Length > 0 ? refused : (await complaints).Trim())
            );
        }
        var tag = new ImageTagParameters { RepositoryName = Repository, Tag = digest.Hex };
        await daemon.AskAsync("name an image", docker => docker.Images.TagImageAsync(id, tag, CancellationToken.None));
    }

    /// <summary>Starts a tar of a tree, written with the ids as seen inside.</summary>
    /// <exception cref="SandboxException">This machine does not allow it.</exception>
    internal static async Task<Process> ReadTreeAsync(string root, long firstId, CancellationToken stop)
    {
        try
        {
            // As the range's root, so that owners and file capabilities are read as they are inside.
            string[] tar =
            [
                "tar",
                "--create",
                "--format=posix",
                "--numeric-owner",
                "--one-file-system",
                "--xattrs",
                "--xattrs-include=security.capability",
                $"--directory={root}",
                ".",
            ];
            return await new IdRange(firstId).StartAsync(tar, stop);
        }
        catch (BundleException e)
        {
            throw new SandboxException(e.Message, e);
        }
    }

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    // Progress<T> would tell it on another thread, later.
    private sealed class Heard(Action<JSONMessage> hear) : IProgress<JSONMessage>
    {
        public void Report(JSONMessage value) => hear(value);
    }
}
