using LibGit2Sharp;

namespace TestGrid.Cli.Sample;

/// <summary>The small repository that <c>up</c> makes: a grid of two bundles by two suites, with one cell red on purpose.</summary>
internal static class SampleRepository
{
    public const string Slug = "testgrid/sample";

    private const string Config = """
        # A grid of four jobs: each bundle runs each suite.
        # One cell is red on purpose: the compiler suite needs a C compiler, and the bundle "base" has none.
        # That is what TestGrid is for: the environment is part of what is tested, and it has a name and a digest.
        language: generic
        bundle:
          - base
          - c
        env:
          - SUITE=text
          - SUITE=compiler
        script:
          - ./check.sh "$SUITE"
        """;

    private const string Check = """
        #!/bin/bash
        # Runs one suite; says what it does, and fails when a check fails.
        set -u
        failed=0
        check() {
          local what=$1
          shift
          if "$@" >/dev/null 2>&1; then printf '\e[32m  ok\e[0m    %s\n' "$what"
          else printf '\e[31m  FAIL\e[0m  %s\n' "$what"; failed=1; fi
        }
        case $1 in
          text)
            check "awk adds"          test "$(printf '1\n2\n3\n' | awk '{s+=$1} END {print s}')" = 6
            check "sed replaces"      test "$(echo hallo | sed s/a/e/)" = hello
            check "sort is bytewise"  test "$(printf 'b\nB\na\n' | LC_ALL=C sort | tr -d '\n')" = Bab
            ;;
          compiler)
            check "there is a C compiler"  command -v cc
            echo 'int main(void) { return 6 * 7 - 42; }' > /tmp/answer.c
            check "it compiles"            cc -o /tmp/answer /tmp/answer.c
            check "what it makes runs"     /tmp/answer
            ;;
        esac
        exit $failed
        """;

    private const string Readme = """
        # TestGrid's sample

        Change something, commit, and start a build of it:

            testgrid build start testgrid/sample
        """;

    /// <summary>Makes the repository, if it is not there yet: whole or not at all.</summary>
    public static void Make(string folder, DateTimeOffset now)
    {
        if (HasCommit(folder))
            return;
        var beside = folder + ".new";
        foreach (var left in (string[])[folder, beside])
        {
            if (Directory.Exists(left))
                Directory.Delete(left, recursive: true);
        }
        Fill(beside, now);
        Directory.Move(beside, folder);
    }

    /// <summary>The body of a push of the newest commit, as GitHub sends it.</summary>
    public static object Push(string folder)
    {
        using var repository = new Repository(folder);
        var tip = repository.Head.Tip;
        return new
        {
            @ref = repository.Head.CanonicalName,
            before = new string('0', 40),
            after = tip.Sha,
            created = true,
            deleted = false,
            head_commit = new
            {
                id = tip.Sha,
                message = tip.Message,
                author = new { name = tip.Author.Name, email = tip.Author.Email },
            },
            repository = new
            {
                id = 0,
                full_name = Slug,
                name = "sample",
            },
        };
    }

    private static bool HasCommit(string folder)
    {
        if (!Repository.IsValid(folder))
            return false;
        using var repository = new Repository(folder);
        return repository.Head.Tip is not null;
    }

    private static void Fill(string folder, DateTimeOffset now)
    {
        Directory.CreateDirectory(folder);
        Repository.Init(folder);
        File.WriteAllText(Path.Combine(folder, ".testgrid.yml"), Config + "\n");
        File.WriteAllText(Path.Combine(folder, "README.md"), Readme + "\n");
        var check = Path.Combine(folder, "check.sh");
        File.WriteAllText(check, Check + "\n");
        File.SetUnixFileMode(check, (UnixFileMode)0b111_101_101);

        using var repository = new Repository(folder);
        repository.Refs.UpdateTarget("HEAD", "refs/heads/main");
        LibGit2Sharp.Commands.Stage(repository, "*");
        var author = new Signature("TestGrid", "sample@testgrid.invalid", now);
        repository.Commit("A grid of four jobs, one of them red on purpose\n", author, author);
    }
}
