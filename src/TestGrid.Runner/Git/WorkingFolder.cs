using LibGit2Sharp;
using Microsoft.Extensions.Options;
using TestGrid.Core.Orders;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>
/// This work tree as it stands, uncommitted changes and new files included, ignored ones not: what <c>testgrid run</c>
/// tests. Copied once, when the first job asks; later changes are not seen, so all jobs of a run test the same.
/// Dispose it when the run is over.
/// </summary>
public sealed class WorkingFolder : IWorkspaceSource, IAsyncDisposable
{
    private readonly string path;
    private readonly GitOptions options;
    private readonly GitShelf shelf;
    private readonly SemaphoreSlim one = new(1);
    private (string Folder, FileStream Held)? copy;

    /// <param name="path">A folder; in a git repository, any folder of its work tree stands for all of it.</param>
    public WorkingFolder(string path, IOptions<GitOptions> options, TimeProvider time)
    {
        GitGround.Use();
        this.options = options.Value;
        shelf = new GitShelf(this.options, time);
        this.path = Repository.Discover(path) is { } found ? RootOf(found) : Path.GetFullPath(path);
    }

    /// <inheritdoc/>
    public async ValueTask<Workspace> CheckOutAsync(JobOrder order, GitCredential? credential, CancellationToken stop)
    {
        await one.WaitAsync(stop);
        try
        {
            copy ??= await Task.Run(() => Copy(stop), stop);
        }
        finally
        {
            one.Release();
        }
        var objects = Path.Combine(copy.Value.Folder, "objects");
        return new Shared(Path.Combine(copy.Value.Folder, "tree"), Directory.Exists(objects) ? objects : null);
    }

    public ValueTask DisposeAsync()
    {
        if (copy is { } made)
            GitShelf.End(made.Folder, made.Held);
        copy = null;
        one.Dispose();
        return ValueTask.CompletedTask;
    }

    private (string, FileStream) Copy(CancellationToken stop)
    {
        var (folder, held) = shelf.Begin();
        try
        {
            var (owner, tree) = (Owner(), Path.Combine(folder, "tree"));
            var files = new FileCopy(options, stop);
            if (Repository.IsValid(path))
            {
                files.CopyRepository(path, tree, Path.Combine(tree, ".git"), "");
                foreach (var (from, to) in files.Objects)
                {
                    // The top's objects are shown in the sandbox; linked, because a home folder may be closed to it.
                    var top = to == Path.Combine(tree, ".git", "objects");
                    if (top)
                        LinkedObjects.Make(from, Path.Combine(folder, "objects"), null);
                }
            }
            else
            {
                files.CopyAll(path, tree);
            }
            Posix.Dress(tree, owner, null);
            foreach (var (from, to) in files.Objects.Where(o => o.To != Path.Combine(tree, ".git", "objects")))
                LinkedObjects.Make(from, to, owner);
            return (folder, held);
        }
        catch
        {
            GitShelf.End(folder, held);
            throw;
        }
    }

    private (long, long)? Owner() =>
        Posix.EffectiveUser() == 0 ? (options.IdBase + options.UserId, options.IdBase + options.UserId) : null;

    private static string RootOf(string gitFolder)
    {
        using var repository = new Repository(gitFolder);
        return repository.Info.WorkingDirectory?.TrimEnd('/')
            ?? throw new GitFetchException($"{gitFolder} is a bare repository: there is no work tree to test.");
    }

    private sealed class Shared(string tree, string? objects) : Workspace(tree, objects)
    {
        public override ValueTask DisposeAsync() => ValueTask.CompletedTask; // the folder goes with the run
    }
}
