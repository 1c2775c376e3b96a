using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid bundle build</c>: one bundle, or all of them, once or twice.</summary>
internal sealed class BundleBuildCommand
{
    private readonly BundleStore store;
    private readonly ProgressLine progress;
    private readonly TimeProvider time = TimeProvider.System;

    private BundleBuildCommand(BundleStore store, ProgressLine progress) =>
        (this.store, this.progress) = (store, progress);

    public static Command Create()
    {
        var names = new Argument<string[]>("RECIPE")
        {
            Description = "the recipes' names: base; or one recipe's file: ci/bundle.yml",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var all = new Option<bool>("--all") { Description = "every recipe, one after the other" };
        var again = new Option<bool>("--verify") { Description = "build it a second time, and compare to the byte" };
        var page = new Option<FileInfo?>("--page")
        {
            Description = "with --verify: keep the proofs in this page, and do not prove again what it has proved",
        };
        var draft = new Option<bool>("--draft")
        {
            Description = "only add the recipe's new packages to its last bundle: in seconds, to try it out",
        };
        var recipes = LockCommands.RecipesOption();
        var json = Printed.JsonOption();
        var command = new Command("build", "build a bundle now, if it is not here; prints its digest")
        {
            names,
            all,
            again,
            page,
            draft,
            recipes,
            json,
        };
        command.Validators.Add(result =>
        {
            var isAll = result.GetValue(all);
            if (isAll == result.GetValue(names) is { Length: > 0 })
                result.AddError(isAll ? "--all takes no names." : "Name a recipe, or say --all.");
            if (result.GetValue(draft) && (isAll || result.GetValue(again)))
                result.AddError("--draft is of recipes that are named, and is not proved.");
            if (result.GetValue(page) is not { } file)
                return;
            if (!result.GetValue(again))
                result.AddError("--page is a page of proofs: say --verify with it.");
            if (file.Directory is not { Exists: true })
                result.AddError($"There is no folder for {file.FullName}.");
        });
        command.SetAction(
            async (parsed, stop) =>
            {
                var asked = parsed.GetValue(names) ?? [];
                var file = LockCommands.FileOf(asked);
                await using var services = LocalServices.ForBundles(parsed.GetValue(recipes), file);
                var store = services.GetRequiredService<BundleStore>();
                using var progress = new ProgressLine();
                var run = new BundleBuildCommand(store, progress);
                string[] wanted =
                    parsed.GetValue(all) ? [.. store.Recipes.Order()]
                    : file is null ? asked
                    : LockCommands.NamesOf(store.Recipes, file);
                var asJson = parsed.GetValue(json);
                if (parsed.GetValue(draft))
                    return await run.DraftAsync(
                        ActivatorUtilities.CreateInstance<BundleDrafts>(services),
                        wanted,
                        asJson,
                        stop
                    );
                return parsed.GetValue(again)
                    ? await run.ProveAsync(wanted, parsed.GetValue(page), asJson, stop)
                    : await run.BuildAsync(wanted, asJson, stop);
            }
        );
        return command;
    }

    // One that cannot be built does not keep the others from it, where there are others.
    private async Task<int> EachAsync(string[] wanted, Func<string, Task<bool>> build)
    {
        var code = ExitCodes.Ok;
        foreach (var recipe in wanted)
        {
            try
            {
                if (!await build(recipe))
                    code = ExitCodes.Broken;
            }
            catch (BundleException e) when (wanted.Length > 1)
            {
                progress.Clear();
                Console.Error.WriteLine($"{recipe}: {e.Message}");
                code = ExitCodes.Broken;
            }
        }
        return code;
    }

    private Task<int> BuildAsync(string[] wanted, bool json, CancellationToken stop) =>
        EachAsync(
            wanted,
            async recipe =>
            {
                using var lease = await store.GetAsync(recipe, progress, stop);
                progress.Clear();
                if (json)
                    Printed.Lines([new Built(recipe, lease.Bundle.Digest)]);
                else
                    Console.WriteLine(
                        wanted.Length == 1 ? $"{lease.Bundle.Digest}" : $"{lease.Bundle.Digest} {recipe}"
                    );
                return true;
            }
        );

    private Task<int> DraftAsync(BundleDrafts drafts, string[] wanted, bool json, CancellationToken stop) =>
        EachAsync(
            wanted,
            async recipe =>
            {
                var made = await store.DraftAsync(drafts, recipe, progress, stop);
                progress.Clear();
                if (json)
                    Printed.Lines([new Built(recipe, made.Digest)]);
                else
                    Console.WriteLine($"{made.Digest} {recipe}, a draft");
                return true;
            }
        );

    private Task<int> ProveAsync(string[] wanted, FileInfo? page, bool json, CancellationToken stop)
    {
        var proved = page is null ? [] : new Dictionary<string, BundleProof>(ProofPage.Read(page.FullName));
        return EachAsync(
            wanted,
            async recipe =>
            {
                var (proof, isNew) = await ProveAsync(recipe, proved.GetValueOrDefault(recipe), stop);
                progress.Clear();
                if (json)
                    Printed.Lines([proof]);
                else
                    Console.WriteLine(
                        (wanted.Length == 1 ? $"{proof.Digest}\n" : $"{proof.Digest} {recipe}: ")
                            + (proof.BuiltTwiceTheSame ? "built twice: the same" : "built twice: not the same")
                            + (isNew ? "" : ", as the page says")
                    );
                proved[recipe] = proof;
                if (page is not null && isNew)
                    Keep(page.FullName, proved.Values);
                return proof.BuiltTwiceTheSame;
            }
        );
    }

    private async Task<(BundleProof Proof, bool IsNew)> ProveAsync(
        string recipe,
        BundleProof? proved,
        CancellationToken stop
    )
    {
        using var lease = await store.GetAsync(recipe, progress, stop);
        var digest = lease.Bundle.Digest;
        if (proved is { BuiltTwiceTheSame: true } && proved.Digest == digest)
            return (proved, false);
        var began = time.GetTimestamp();
        var rebuild = await store.RebuildAsync(digest, progress, stop);
        progress.Clear();
        foreach (var difference in rebuild.Differences)
            Console.Error.WriteLine(Printed.Plain(difference));
        if (!rebuild.OnOtherFileSystem)
            Console.Error.WriteLine($"{recipe}: on the same file system both times, /dev/shm has no room for it");
        var record = store.RecordOf(digest)!;
        var seconds = (int)time.GetElapsedTime(began).TotalSeconds;
        return (new(recipe, record.Suite, record.Packages.Length, record.Bytes, digest, rebuild.IsSame, seconds), true);
    }

    // After each, by one rename: it takes an hour, and may be stopped and begun again.
    private void Keep(string page, IEnumerable<BundleProof> proofs)
    {
        var today = DateOnly.FromDateTime(time.GetLocalNow().Date);
        File.WriteAllText(page + ".new", ProofPage.Write(proofs, today));
        File.Move(page + ".new", page, overwrite: true);
    }

    private sealed record Built(string Name, BundleDigest Digest);
}
