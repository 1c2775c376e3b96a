using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Config;
using TestGrid.Core.Orders;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Layers;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>
/// Finds the app layer of a job: what an earlier job's <c>install</c> made from the same lock files, bundle, commands and
/// environment.
/// </summary>
/// <remarks>
/// Who may use whose: a job of a fork's pull request may use what the repository's own jobs made, when no secret was in
/// their scope, but what it makes itself only jobs of the same fork use. The names of secrets are a part of the key, and a
/// fork's job has none.
/// </remarks>
public sealed class AppLayers(LayerStore store)
{
    private const string Own = "the repository's own jobs";
    private const int LockMost = 64 << 20;

    /// <summary>The job's layer, or why there is none; null when the job wishes for none.</summary>
    /// <param name="checkout">The commit's files.</param>
    /// <param name="bundle">What it runs in.</param>
    /// <param name="engine">What it runs on.</param>
    public async ValueTask<AppLayer?> FindAsync(
        JobOrder order,
        JobClaim claim,
        string checkout,
        Bundle bundle,
        ISandboxEngine engine,
        CancellationToken stop
    )
    {
        if (order.Config.AppLayer is not { } wish)
            return null;
        if (!await engine.HasLayersAsync(stop))
            return AppLayer.Off($"engine {engine.Name}");
        try
        {
            var locks = ReadLocks(checkout, wish);
            var scope = order.Trigger.PullRequest is { IsFork: true } pull ? $"fork {pull.HeadSlug}" : Own;
            var mine = Inputs(order, claim, bundle, locks, scope);
            LayerInputs[] usable = scope == Own ? [mine] : [mine, Inputs(order, claim, bundle, locks, Own)];
            foreach (var inputs in usable)
            {
                if (await store.FindAsync(inputs, stop) is { } lease)
                    return AppLayer.Hit(lease);
            }
            var last = usable.Select(inputs => store.LastOf(inputs.Lane)).FirstOrDefault(found => found is not null);
            var draft = new LayerRecord(
                bundle.Digest, // until there is its own
                mine,
                $"{order.Repository.Host}/{order.Repository.Slug}",
                order.Id.ToString(),
                0,
                default
            );
            return AppLayer.Miss(store, draft, Why(mine, last), checkout, claim.Secrets.Values);
        }
        catch (LayerException e)
        {
            return AppLayer.Off(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return AppLayer.Off($"the store cannot be used: {e.Message}");
        }
    }

    private static string Why(LayerInputs mine, LayerRecord? last)
    {
        if (last is null)
            return "there was none yet";
        var changed = mine.DifferencesTo(last.Inputs).Where(one => !one.StartsWith("scope", StringComparison.Ordinal));
        return string.Join(", ", changed) is { Length: > 0 } words ? words : "the last one is gone";
    }

    private static LayerInputs Inputs(
        JobOrder order,
        JobClaim claim,
        Bundle bundle,
        ImmutableSortedDictionary<string, string> locks,
        string scope
    )
    {
        var repository = order.Repository;
        var parts = locks
            .ToImmutableSortedDictionary(
                pair => LayerInputs.LockPrefix + pair.Key,
                pair => pair.Value,
                StringComparer.Ordinal
            )
            .Add("bundle", bundle.Digest.ToString())
            .Add("repository", LayerInputs.Hash([repository.Host, repository.Slug, repository.Url]))
            .Add("scope", scope)
            .Add("the names of secrets", string.Join(' ', claim.Secrets.Keys));
        foreach (var (name, text) in JobScript.LayerTexts(order.Config))
            parts = parts.Add(name, LayerInputs.Hash([text]));
        string[] lane = [parts["repository"], scope, order.Config.Cell.ToString(), order.Config.Name ?? ""];
        return new LayerInputs(LayerInputs.Hash(lane), parts);
    }

    private static ImmutableSortedDictionary<string, string> ReadLocks(string checkout, AppLayerWish wish)
    {
        var found = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var path in wish.Locks)
            found[path] = Read(checkout, path) is { } bytes
                ? Convert.ToHexStringLower(SHA256.HashData(bytes))
                : throw new LayerException($"{path} is no file of the repository");
        if (found.Count > 0)
            return found.ToImmutable();
        var without = new List<string>();
        foreach (var name in Directory.EnumerateFiles(checkout).Select(path => Path.GetFileName(path)))
        {
            if (LockFiles.All.FirstOrDefault(kind => kind.Fits(name)) is not { } kind)
                continue;
            if (Read(checkout, name) is not { } bytes)
                continue;
            if (kind.Needs is null || bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(kind.Needs)) >= 0)
                found[name] = Convert.ToHexStringLower(SHA256.HashData(bytes));
            else
                without.Add($"{name} has no {kind.Needs}");
        }
        if (found.Count == 0)
            throw new LayerException(
                "no lock file at the repository's top level"
                    + (without.Count == 0 ? "" : $" ({string.Join(", ", without.Take(3))})")
                    + "; name yours with app_layer: {lock: PATH}"
            );
        return found.ToImmutable();
    }

    // No link is followed: the repository is a stranger's, and what is read is this machine's.
    private static byte[]? Read(string checkout, string path)
    {
        var at = checkout;
        foreach (var part in path.Split('/'))
        {
            at = Path.Combine(at, part);
            if (!Path.Exists(at) || File.GetAttributes(at).HasFlag(FileAttributes.ReparsePoint))
                return null;
        }
        var file = new FileInfo(at);
        if (!file.Exists || file.Attributes.HasFlag(FileAttributes.Directory))
            return null;
        return file.Length <= LockMost
            ? File.ReadAllBytes(at)
            : throw new LayerException($"{path} is larger than 64 MiB");
    }
}
