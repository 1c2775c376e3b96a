using TestGrid.Cli.Exits;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Server.Dashboard;

namespace TestGrid.Cli.Runs;

/// <summary>The work tree that <c>run</c> and <c>config</c> are about, as it stands, committed or not.</summary>
internal sealed class WorkTree
{
    private static readonly string[] ConfigFiles = [".testgrid.yml", ".travis.yml"];

    private readonly CommitRef head;
    private readonly RepositoryRef repository;

    private WorkTree(string folder, CommitRef head, RepositoryRef repository, Dictionary<string, string> elsewhere)
    {
        (Folder, this.head, this.repository) = (folder, head, repository);
        Imports = new TreeImports(folder, repository.Slug, elsewhere);
    }

    public string Folder { get; }

    /// <summary>Where its configuration's imports are read from.</summary>
    public TreeImports Imports { get; }

    /// <summary>Finds the work tree around a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="importFrom">What <c>--import-from</c> said.</param>
    public static WorkTree Find(string folder, IEnumerable<string>? importFrom)
    {
        var elsewhere = TreeImports.Elsewhere(importFrom ?? []);
        var found = LibGit2Sharp.Repository.Discover(folder);
        if (found is null)
            throw new CommandException($"{folder} is in no git repository", ExitCodes.Usage);
        using var git = new LibGit2Sharp.Repository(found);
        if (git.Info.WorkingDirectory is not { } tree)
            throw new CommandException($"{found} has no work tree", ExitCodes.Usage);
        var tip = git.Head.Tip;
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(tree));
        var origin = git.Network.Remotes["origin"]?.Url;
        return new WorkTree(
            Path.TrimEndingDirectorySeparator(tree),
            new CommitRef(
                tip?.Sha ?? new string('0', 40),
                git.Head.CanonicalName,
                tip?.Message ?? "",
                tip?.Author.Name ?? ""
            ),
            new RepositoryRef(
                0,
                RepositoryAddress.Local,
                RepositoryAddress.Read(origin)?.Slug ?? $"local/{name}",
                tree
            ),
            elsewhere
        );
    }

    /// <summary>
    /// The work tree that a file is in, or that its folder would be; of <c>-</c>, the standard input, the current
    /// folder's.
    /// </summary>
    public static WorkTree Around(string path, IEnumerable<string>? importFrom)
    {
        var folder = path == "-" ? Environment.CurrentDirectory : Path.GetDirectoryName(Path.GetFullPath(path))!;
        return LibGit2Sharp.Repository.Discover(folder) is not null
            ? Find(folder, importFrom)
            : new WorkTree(
                folder,
                new CommitRef(new string('0', 40), "refs/heads/master"),
                new RepositoryRef(0, RepositoryAddress.Local, $"local/{Path.GetFileName(folder)}", folder),
                TreeImports.Elsewhere(importFrom ?? [])
            );
    }

    /// <summary>The configuration as it stands in the folder, or null when there is none.</summary>
    public async ValueTask<ConfigText?> ReadConfigAsync(CancellationToken stop)
    {
        foreach (var name in ConfigFiles)
        {
            var path = Path.Combine(Folder, name);
            if (File.Exists(path))
                return await ConfigText.ReadAsync(name, await File.ReadAllBytesAsync(path, stop), Imports, stop);
        }
        return null;
    }

    /// <summary>The order of one of its jobs.</summary>
    /// <param name="cell">Its number, from 1.</param>
    /// <param name="config">What it is.</param>
    /// <param name="most">The operator's limits of this machine; the configuration can only lower them.</param>
    public JobOrder Order(int cell, JobConfig config, JobLimits most) =>
        new(
            new JobId(1, cell),
            1,
            repository,
            new Trigger(TriggerKind.Manual, head),
            config,
            config.Limits?.Within(most) ?? most
        );
}
