using LibGit2Sharp;

namespace TestGrid.Bench;

/// <summary>The repository that is measured with: 200 files of 4 KB, 50 commits.</summary>
internal sealed class SampleSource
{
    private const int FileCount = 200;
    private const int CommitCount = 50;
    private static readonly DateTimeOffset Then = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public SampleSource(string folder, string config)
    {
        Folder = folder;
        Directory.CreateDirectory(folder);
        Repository.Init(folder);
        using var git = new Repository(folder);
        git.Refs.UpdateTarget("HEAD", "refs/heads/main");
        var random = new Random(1);
        for (var file = 0; file < FileCount; file++)
            Write($"src/{file % 10}/file{file}.txt", Text(random));
        Write(".testgrid.yml", config);
        for (var commit = 0; commit < CommitCount; commit++)
        {
            Write($"src/{commit % 10}/file{commit}.txt", Text(random));
            LibGit2Sharp.Commands.Stage(git, "*");
            var author = new Signature("Ada", "ada@example.org", Then.AddMinutes(commit));
            git.Commit($"Change {commit}", author, author);
        }
        Sha = git.Head.Tip.Sha;
    }

    public string Folder { get; }

    public string Sha { get; }

    private void Write(string path, string text)
    {
        var file = Path.Combine(Folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private static string Text(Random random)
    {
        var bytes = new byte[2048];
        random.NextBytes(bytes);
        return Convert.ToHexString(bytes);
    }
}
