using System.Collections.Concurrent;
using LibGit2Sharp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Builds;
using TestGrid.Core.Orders;
using LogLevel = Microsoft.Extensions.Logging.LogLevel;

namespace TestGrid.Runner.Git;

/// <summary>
/// Repositories as bare mirrors on this machine. A mirror is fetched only when a commit is missing; a commit is
/// checked out once and shared read-only by all its jobs. Called from many jobs at once: one fetch per repository and
/// one checkout per commit at a time, and who waits for another's takes part in it.
/// </summary>
public sealed partial class GitMirror : IWorkspaceSource
{
    private const int ConfigBytes = 256 << 10;

    private readonly GitOptions options;
    private readonly GitShelf shelf;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly ConcurrentDictionary<string, SemaphoreSlim> gates = new(StringComparer.Ordinal);

    public GitMirror(IOptions<GitOptions> options, TimeProvider time, ILogger<GitMirror> log)
    {
        GitGround.Use();
        (this.options, this.time, this.log) = (options.Value, time, log);
        shelf = new GitShelf(this.options, time);
    }

    /// <inheritdoc/>
    public async ValueTask<Workspace> CheckOutAsync(JobOrder order, GitCredential? credential, CancellationToken stop)
    {
        var (url, sha) = (UrlOf(order.Repository), order.Trigger.Commit.Sha);
        if (!ObjectId.TryParse(sha, out _))
            throw new CommitGoneException($"'{sha}' is not the name of a commit.");
        var key = $"{GitShelf.KeyOf(url)}/{sha}{(order.Config.Submodules ? "" : "-plain")}";
        if (shelf.TryLease(key) is not { } lease)
        {
            using var gate = await EnterAsync(key, stop);
            while (true)
            {
                if (shelf.TryLease(key) is { } done)
                {
                    lease = done;
                    break;
                }
                await CheckOutFreshAsync(order, url, credential, key, stop);
            }
        }
        shelf.Touch(url);
        return new Leased(lease.Tree, Path.Combine(shelf.MirrorOf(url), "objects"), lease.Held);
    }

    /// <summary>Reads a file of a commit, such as <c>.testgrid.yml</c>: at most 256 KB, links not followed.</summary>
    /// <exception cref="CommitGoneException">The commit is not in the repository (any more).</exception>
    /// <exception cref="GitFetchException">The repository cannot be fetched.</exception>
    public async ValueTask<GitFile> ReadFileAsync(
        RepositoryRef repository,
        string sha,
        string path,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var url = UrlOf(repository);
        await NeedAsync(url, sha, credential, stop);
        using var mirror = new Repository(shelf.MirrorOf(url));
        return GitCheckout.Find(mirror, sha)?[path] switch
        {
            null => new GitFile.Missing(),
            { Mode: Mode.SymbolicLink } => new GitFile.Refused($"{path} is a symbolic link; links are not followed."),
            { Target: Blob { Size: > ConfigBytes } } => new GitFile.Refused($"{path} is larger than 256 KB."),
            { Target: Blob { IsBinary: true } } => new GitFile.Refused($"{path} is not a text."),
            { Target: Blob blob } => new GitFile.Text(blob.GetContentText()),
            _ => new GitFile.Refused($"{path} is not a file."),
        };
    }

    /// <summary>Removes what an earlier life left half-done. Call it once, before the first job.</summary>
    public ValueTask SweepAsync(CancellationToken stop) => new(Task.Run(shelf.Sweep, stop));

    /// <summary>
    /// Removes checkouts and mirrors by age and size (see <see cref="GitOptions"/>); those in use are left.
    /// </summary>
    public async ValueTask CleanAsync(CancellationToken stop)
    {
        if (await Task.Run(() => shelf.CleanAsync(stop), stop) is var removed and > 0)
            Cleaned(log, removed);
    }

    private async Task CheckOutFreshAsync(
        JobOrder order,
        GitUrl url,
        GitCredential? credential,
        string key,
        CancellationToken stop
    )
    {
        var sha = order.Trigger.Commit.Sha;
        await NeedAsync(url, sha, credential, stop, order.Trigger.PullRequest?.Number);
        var began = time.GetTimestamp();
        var (folder, held) = shelf.Begin();
        try
        {
            var assembly = new GitAssembly(
                options,
                shelf,
                (submodule, commit, end) => NeedAsync(submodule, commit, ForSubmodule(url, submodule, credential), end)
            );
            var tree = Path.Combine(folder, "tree");
            var bytes = await assembly.BuildAsync(url, order.Repository, sha, tree, order.Config.Submodules, stop);
            shelf.Publish(folder, key, bytes);
            CheckedOut(log, sha, order.Repository.Slug, (int)time.GetElapsedTime(began).TotalMilliseconds);
        }
        finally
        {
            GitShelf.End(folder, held);
        }
    }

    // A pusher names the submodule's address: the repository's credential goes nowhere but to its own host.
    private static GitCredential? ForSubmodule(GitUrl parent, GitUrl submodule, GitCredential? credential) =>
        parent.Kind == submodule.Kind && parent.Host == submodule.Host ? credential : null;

    private async Task NeedAsync(
        GitUrl url,
        string sha,
        GitCredential? credential,
        CancellationToken stop,
        int? pullRequest = null
    )
    {
        shelf.Touch(url); // whoever cleans leaves alone what was wanted just now
        if (Has(url, sha))
            return;
        await FetchAsync(url, credential, stop, sha, pullRequest: pullRequest);
        if (!Has(url, sha))
            throw new CommitGoneException(
                $"Commit {sha} is not in {url}: it was force-pushed away, or its branch was deleted, "
                    + "before it could be fetched."
            );
    }

    private bool Has(GitUrl url, string sha)
    {
        var mirror = shelf.MirrorOf(url);
        if (!Repository.IsValid(mirror))
            return false;
        using var repository = new Repository(mirror);
        return GitCheckout.Find(repository, sha) is not null;
    }

    /// <param name="until">Nothing is fetched when this commit has come meanwhile.</param>
    /// <returns>The origin's first branch, if it was wanted and there is one.</returns>
    private async Task<string?> FetchAsync(
        GitUrl url,
        GitCredential? credential,
        CancellationToken stop,
        string? until = null,
        bool wantDefault = false,
        int? pullRequest = null
    )
    {
        var gate = await EnterAsync(url.Text, stop);
        if (until is not null && Has(url, until))
        {
            gate.Dispose(); // who was before us has fetched it
            return null;
        }
        var began = time.GetTimestamp();
        using var limit = new CancellationTokenSource(options.FetchTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        var fetch = new GitFetch(url, credential, options, both.Token)
        {
            WantDefaultBranch = wantDefault,
            PullRequest = pullRequest,
        };
        try
        {
            await RunHoldingAsync(gate, url, fetch, both.Token).WaitAsync(both.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new GitFetchException($"{url} was not fetched within {options.FetchTime} (Git:FetchTime).");
        }
        shelf.Touch(url);
        Fetched(log, url, (int)time.GetElapsedTime(began).TotalMilliseconds);
        return fetch.DefaultBranch;
    }

    // libgit2 hears of a cancellation only when bytes come. When none do, the caller goes away at once, and the mirror
    // stays locked until the thread has come back.
    private async Task RunHoldingAsync(Gate gate, GitUrl url, GitFetch fetch, CancellationToken stop)
    {
        try
        {
            await using var ours = await shelf.LockAsync(url, stop);
            await Task.Run(() => fetch.Run(shelf.MirrorOf(url)), CancellationToken.None);
        }
        finally
        {
            gate.Dispose();
        }
    }

    private async Task<Gate> EnterAsync(string key, CancellationToken stop)
    {
        var semaphore = gates.GetOrAdd(key, _ => new SemaphoreSlim(1));
        await semaphore.WaitAsync(stop);
        return new Gate(gates, key, semaphore);
    }

    private static GitUrl UrlOf(RepositoryRef repository) =>
        GitUrl.Check(repository.Url, allowLocal: true, out var url, out var problem)
            ? url
            : throw new GitFetchException($"{repository.Slug} has an address that is not fetched: {problem}");

    private sealed class Leased(string tree, string objects, FileStream held) : Workspace(tree, objects)
    {
        public override ValueTask DisposeAsync() => held.DisposeAsync();
    }

    private sealed class Gate(ConcurrentDictionary<string, SemaphoreSlim> gates, string key, SemaphoreSlim semaphore)
        : IDisposable
    {
        // A newcomer may make another gate while somebody still waits at this one: what is behind it looks again
        // whether the work is done, so that costs a second look at worst.
        public void Dispose()
        {
            semaphore.Release();
            if (semaphore.CurrentCount > 0)
                gates.TryRemove(new(key, semaphore));
        }
    }

    [LoggerMessage(LogLevel.Information, "Commit {Sha} of {Slug} was checked out in {Milliseconds} ms")]
    private static partial void CheckedOut(ILogger log, string sha, string slug, int milliseconds);

    [LoggerMessage(LogLevel.Information, "{Url} was fetched in {Milliseconds} ms")]
    private static partial void Fetched(ILogger log, GitUrl url, int milliseconds);

    [LoggerMessage(LogLevel.Information, "{Count} checkouts and mirrors were removed by age and size")]
    private static partial void Cleaned(ILogger log, int count);
}
