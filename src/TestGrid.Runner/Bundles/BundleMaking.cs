using System.Globalization;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>Puts a recipe's bundle onto the shelf: fetched from the supplier if that has it, else built here.</summary>
internal sealed partial class BundleMaking(
    BundleShelf shelf,
    LockedBuild builder,
    BundleFetch? fetch,
    BundleOptions options,
    TimeProvider time,
    ILogger log
)
{
    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="progress">Hears how far it is, whoever does it.</param>
    /// <param name="stop">Stops it, and nothing of it is left.</param>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    public async Task MakeAsync(Recipe recipe, IProgress<BundleProgress> progress, CancellationToken stop)
    {
        if (!shelf.IsWritable)
            throw new BundleException(
                $"Bundle {recipe.Name} is not in {options.RootPath}, where only its owner can build it. Remedy: run this "
                    + "once as that user (sudo); the bundle can then be used by others. Or have a store of your own: "
                    + "Bundles:RootPath."
            );
        await using var ours = await FileLock.HoldAsync(
            shelf.LockOf(recipe.Name),
            time,
            () => RelayProgress(recipe, progress),
            stop
        );
        if (shelf.TryLease(recipe) is { } built)
        {
            await built.DisposeAsync(); // another process has built it meanwhile
            return;
        }
        var key = shelf.KeyOf(recipe);
        var (folder, held) = shelf.Begin(recipe.Name);
        try
        {
            var told = new ToldProgress(progress, shelf.ProgressOf(recipe.Name));
            // The server's bundle is what an order means, and brings this machine to the same digest as the others.
            if (fetch is not null && await fetch.AskAsync(recipe.Name, stop) is { } offered)
            {
                var fetched = await FetchIntoAsync(offered, folder, told, stop);
                shelf.Publish(recipe, key, folder, fetched);
                progress.Report(new BundleProgress(recipe.Name, 100, "ready"));
                return;
            }
            BuildBegins(log, recipe.Name);
            var began = time.GetTimestamp();
            await using var file = new StreamWriter(shelf.LogOf(recipe.Name));
            var talk = new BuildLog(recipe.Name, TextWriter.Synchronized(file), told);
            var made = await builder.BuildAsync(recipe, key, folder, talk, stop);
            if (made.LockedAgain is { } why)
                LockedAgain(log, why);
            var record = made.Record;
            shelf.Publish(recipe, key, folder, record);
            progress.Report(new BundleProgress(recipe.Name, 100, "ready"));
            Built(log, recipe.Name, record.Digest, (int)time.GetElapsedTime(began).TotalSeconds);
        }
        catch (BundleException e) when (File.Exists(shelf.LogOf(recipe.Name)))
        {
            throw new BundleException($"{e.Message}\nThe whole log is in {shelf.LogOf(recipe.Name)}.", e);
        }
        finally
        {
            File.Delete(shelf.ProgressOf(recipe.Name));
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    /// <summary>Fetches a bundle for whoever knows its digest.</summary>
    /// <param name="recipe">The recipe here whose bundle it becomes, should that have none yet; or null.</param>
    public async Task FetchAsync(
        BundleRecord offered,
        Recipe? recipe,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        await using var ours = await FileLock.HoldAsync(
            shelf.LockOf(offered.Digest.Hex),
            time,
            () => progress.Report(new BundleProgress(offered.Name, 0, "another process is fetching it")),
            stop
        );
        var (folder, held) = shelf.Begin("fetched");
        try
        {
            var fetched = await FetchIntoAsync(offered, folder, progress, stop);
            if (recipe is null || shelf.Has(recipe))
                shelf.Keep(folder, fetched);
            else
                shelf.Publish(recipe, shelf.KeyOf(recipe), folder, fetched);
        }
        finally
        {
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    private async Task<BundleRecord> FetchIntoAsync(
        BundleRecord offered,
        string folder,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        if (shelf.TryLease(offered.Digest) is { } here)
        {
            await here.DisposeAsync(); // under another recipe's key, or fetched meanwhile
            return offered;
        }
        FetchBegins(log, offered.Name, offered.Digest);
        var began = time.GetTimestamp();
        var fetched = await fetch!.FetchAsync(offered, folder, progress, stop);
        Fetched(log, offered.Name, (int)time.GetElapsedTime(began).TotalSeconds, offered.Digest);
        return fetched;
    }

    private void RelayProgress(Recipe recipe, IProgress<BundleProgress> progress)
    {
        try
        {
            if (File.ReadAllText(shelf.ProgressOf(recipe.Name)).Split(' ', 2) is [var percent, var phase])
                progress.Report(new(recipe.Name, int.Parse(percent, CultureInfo.InvariantCulture), phase));
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            progress.Report(new BundleProgress(recipe.Name, 0, "another process is building it"));
        }
    }

    [LoggerMessage(LogLevel.Information, "Bundle {Name} is being built")]
    private static partial void BuildBegins(ILogger log, string name);

    [LoggerMessage(LogLevel.Information, "Bundle {Name} was built in {Seconds} s: {Digest}")]
    private static partial void Built(ILogger log, string name, BundleDigest digest, int seconds);

    [LoggerMessage(LogLevel.Warning, "{Why}")]
    private static partial void LockedAgain(ILogger log, string why);

    [LoggerMessage(LogLevel.Information, "Bundle {Name} {Digest} is being fetched from the server")]
    private static partial void FetchBegins(ILogger log, string name, BundleDigest digest);

    [LoggerMessage(LogLevel.Information, "Bundle {Name} was fetched in {Seconds} s: {Digest}")]
    private static partial void Fetched(ILogger log, string name, int seconds, BundleDigest digest);
}
