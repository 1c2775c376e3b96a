using System.Collections.Immutable;
using System.IO.Compression;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Facts;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Bundles by their recipe's name: there already, or built now. One recipe is built once, whoever and however many
/// ask at the same time, in this process and in others; from then on it is the same bundle until its recipe changes
/// or a new one is asked for. Called from many jobs at once.
/// </summary>
public sealed partial class BundleStore
{
    private readonly BundleOptions options;
    private readonly BundleShelf shelf;
    private readonly LockedBuild builder;
    private readonly LockShelf locks;
    private readonly PackagePool pool;
    private readonly MachineFiles machine;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly RecipeBook recipes;
    private readonly ImmutableArray<RecipeProblem> problems;
    private readonly SharedBuilds builds = new();
    private readonly BundleFetch? fetch;
    private readonly BundleMaking making;

    /// <param name="supplier">Asked for a bundle before one is built; null builds.</param>
    public BundleStore(
        IOptions<BundleOptions> options,
        AptSources sources,
        TimeProvider time,
        ILogger<BundleStore> log,
        BundleSupplier? supplier = null
    )
    {
        (this.options, this.time, this.log) = (options.Value, time, log);
        (locks, pool) = (new LockShelf(this.options), new PackagePool(this.options, sources, time));
        shelf = new BundleShelf(this.options, locks, time);
        var tools = new ToolSource(this.options, pool);
        builder = new LockedBuild(
            new BundleBuilder(pool, tools, this.options, time),
            new LockMaker(sources, tools),
            locks,
            this.options
        );
        fetch = supplier is null ? null : new BundleFetch(supplier, this.options, time);
        making = new BundleMaking(shelf, builder, fetch, this.options, time, log);
        machine = new MachineFiles(sources, this.options);
        recipes = BundleLocks.ReadBook(this.options, out problems);
        foreach (var problem in problems)
            RecipeRefused(log, problem);
    }

    /// <summary>What there is for which language, for the reader of configurations.</summary>
    public ImmutableArray<BundleOffer> Offers => recipes.Offers;

    /// <summary>Which services there are to run beside a job.</summary>
    public ImmutableArray<ServiceOffer> Services => recipes.Services;

    /// <summary>Makes a draft of the recipe: its last bundle here, and the packages that it has got since.</summary>
    /// <exception cref="BundleException">There is no such recipe or bundle, or more than packages was added.</exception>
    public Task<BundleRecord> DraftAsync(
        BundleDrafts drafts,
        string recipe,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    ) =>
        drafts.MakeAsync(
            recipes.Find(recipe) ?? throw NoRecipe(recipe),
            List().Where(one => one.Name == recipe),
            progress,
            stop
        );

    /// <summary>Every recipe's name.</summary>
    public IEnumerable<string> Recipes => recipes.Names;

    /// <summary>Whether the recipe's bundle is there, so that asking for it does not build.</summary>
    public bool Has(string recipe) => DigestOf(recipe) is not null;

    /// <summary>The recipe's bundle that is there now; null when there is none, and none is built.</summary>
    public BundleDigest? DigestOf(string recipe)
    {
        using var lease = recipes.Find(recipe) is { } found ? shelf.TryLease(found) : null;
        return lease?.Bundle.Digest;
    }

    /// <summary>What is known of a bundle; null when it is not there.</summary>
    public BundleRecord? RecordOf(BundleDigest digest)
    {
        using var lease = shelf.TryLease(digest);
        return lease is null ? null : BundleRecord.Read(Path.Combine(shelf.FolderOf(digest), "bundle.json"));
    }

    /// <summary>
    /// Gives the recipe's bundle, fetching it from the supplier or building it if need be. <paramref name="progress"/> hears of the build, also when
    /// another job or another process does it; it is called on any thread. Cancelling one who waits does not stop the
    /// build for the others; when nobody is left, it stops and leaves nothing.
    /// </summary>
    /// <exception cref="BundleException">
    /// There is no such recipe, or it cannot be built; the message says what mends it.
    /// </exception>
    public async ValueTask<BundleLease> GetAsync(
        string recipe,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        if (recipes.Find(recipe) is not { } wanted)
            return await GetForeignAsync(recipe, progress, stop);
        while (true)
        {
            if (shelf.TryLease(wanted) is { } lease)
                return lease;
            await JoinAsync(wanted, progress, stop);
        }
    }

    /// <summary>
    /// Builds the recipe's bundle once more, from the same lock, in <see cref="Surroundings.Others"/>, and compares; nothing
    /// of it is kept.
    /// </summary>
    public async ValueTask<Rebuild> RebuildAsync(
        BundleDigest digest,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        await using var lease = shelf.TryLease(digest) ?? throw new BundleException($"There is no bundle {digest}.");
        var recipe = recipes.Find(lease.Bundle.Name) ?? throw NoRecipe(lease.Bundle.Name);
        var locked = LockShelf.Of(shelf.FolderOf(digest));
        // A bundle that was fetched may be of a recipe that reads otherwise here.
        if (locked.RecipeHash != recipe.ContentHash())
            throw new BundleException(
                $"{lease.Bundle.Name} {digest.Short} was built from another recipe than the one here, so a build here says "
                    + "nothing about it. Remedy: verify it where it was built."
            );
        var inMemory = shelf.BeginInMemory(recipe.Name);
        var (folder, held) = inMemory ?? shelf.Begin(recipe.Name);
        try
        {
            var talk = new BuildLog(recipe.Name, TextWriter.Null, progress);
            var record = await builder.BuildAsync(recipe, locked, folder, talk, stop, elsewhere: true);
            if (record.Digest == digest)
                return new Rebuild([], inMemory is not null);
            var other = KeptManifest(Path.Combine(folder, "tree"));
            return new Rebuild(KeptManifest(shelf.FolderOf(digest)).DifferencesTo(other, 100), inMemory is not null);
        }
        finally
        {
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    /// <summary>
    /// The bundle with its tree as sandboxes are to be shown it (<see cref="BundleOptions.Mount"/>); from then on it is this
    /// lease that is disposed. The first time makes an image, which takes seconds.
    /// </summary>
    /// <exception cref="BundleException">It must be an image, and cannot be.</exception>
    public ValueTask<BundleLease> ShowAsync(BundleLease lease, CancellationToken stop) =>
        new TreeMounts(options, shelf, time).ShowAsync(lease, stop);

    /// <summary>The manifest that was kept with a bundle, unchecked.</summary>
    public Manifest ManifestOf(BundleDigest digest) => KeptManifest(shelf.FolderOf(digest));

    /// <summary>What a bundle gives an application, as JSON (<see cref="FactsReader"/>); null when it is not there.</summary>
    public string? FactsOf(BundleDigest digest)
    {
        using var lease = shelf.TryLease(digest);
        if (lease is null)
            return null;
        // One that was kept before facts were taken has none.
        var kept = Path.Combine(shelf.FolderOf(digest), BundleShelf.FactsFile);
        return File.Exists(kept)
            ? File.ReadAllText(kept)
            : FactsReader.OfBundle(lease.Bundle.RootPath, lease.Bundle.Name, digest);
    }

    /// <summary>Takes a bundle that is there into use by its digest; null when it is not.</summary>
    public BundleLease? Find(BundleDigest digest) => shelf.TryLease(digest);

    /// <summary>
    /// The files of this machine to mount read-only in every sandbox of the bundle: the mirror as apt's source list,
    /// apt's proxy settings, further certificates.
    /// </summary>
    public ValueTask<ImmutableArray<MachineFile>> MachineFilesAsync(Bundle bundle, CancellationToken stop) =>
        machine.ForAsync(bundle, stop);

    /// <summary>All bundles in the store, by name.</summary>
    public ImmutableArray<BundleRecord> List() =>
        [
            .. Directory
                .GetDirectories(shelf.Trees)
                .Select(folder => BundleRecord.Read(Path.Combine(folder, "bundle.json")))
                .OfType<BundleRecord>()
                .OrderBy(record => record.Name, StringComparer.Ordinal)
                .ThenByDescending(record => record.Epoch),
        ];

    /// <summary>
    /// Reads the whole tree again and compares: lines that differ, <c>-</c> for what should be; empty when it is whole.
    /// </summary>
    public async ValueTask<ImmutableArray<string>> VerifyAsync(BundleDigest digest, CancellationToken stop)
    {
        await using var lease = shelf.TryLease(digest) ?? throw new BundleException($"There is no bundle {digest}.");
        var should = KeptManifest(shelf.FolderOf(digest));
        var tree = await TreeReader.ReadAsync(new IdRange(options.IdBase), lease.Bundle.RootPath, stop);
        if (should.Digest != digest)
            return [$"- the kept manifest is {should.Digest}", .. should.DifferencesTo(tree, 99)];
        return should.DifferencesTo(tree, 100);
    }

    private static Manifest KeptManifest(string folder)
    {
        using var kept = new GZipStream(File.OpenRead(Path.Combine(folder, "manifest.gz")), CompressionMode.Decompress);
        using var text = new MemoryStream();
        kept.CopyTo(text);
        return Manifest.Parse(text.ToArray());
    }

    /// <summary>Removes what killed builds have left. Call it once at start.</summary>
    public async ValueTask SweepAsync(CancellationToken stop)
    {
        if (await shelf.SweepAsync(stop) is var swept and > 0)
            Swept(log, swept);
    }

    /// <summary>
    /// Removes bundles by age and size (see <see cref="BundleOptions"/>), those in use are left, and packages that no
    /// lock names. Returns the bytes freed.
    /// </summary>
    public async ValueTask<long> CleanAsync(CancellationToken stop)
    {
        var freed = await shelf.CleanAsync(recipes, stop);
        // A lock that cannot be read may name any package.
        if (!locks.TryReadAll(shelf.Trees, out var all))
            return freed;
        var wanted = all.SelectMany(one => one.Hashes);
        return freed + pool.Clean(wanted.ToHashSet(), time.GetUtcNow() - options.KeepUnused);
    }

    // A recipe that only the supplier has: its bundle is known here by its digest alone.
    private async ValueTask<BundleLease> GetForeignAsync(
        string recipe,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        while (true)
        {
            var offered = fetch is null ? null : await fetch.AskAsync(recipe, stop);
            if (offered is null)
                throw NoRecipe(recipe);
            if (shelf.TryLease(offered.Digest) is { } lease)
                return lease;
            await FetchAsync(offered, null, progress, stop);
        }
    }

    private Task FetchAsync(
        BundleRecord offered,
        Recipe? recipe,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    ) =>
        builds.JoinAsync(
            offered.Digest.Hex,
            (heard, end) => making.FetchAsync(offered, recipe, heard, end),
            progress,
            stop
        );

    private Task JoinAsync(Recipe recipe, IProgress<BundleProgress> progress, CancellationToken stop) =>
        builds.JoinAsync(recipe.Name, (heard, end) => making.MakeAsync(recipe, heard, end), progress, stop);

    private BundleException NoRecipe(string recipe) =>
        new(
            problems.Where(p => p.File.StartsWith(recipe + "/", StringComparison.Ordinal)).ToArray()
                is { Length: > 0 } bad
                ? $"The recipe of bundle {recipe} has problems:\n{string.Join('\n', bad.Select(one => one.ToString()))}"
                : $"There is no bundle called '{recipe}'{(fetch is null ? "" : ", and the server has none")}; there are: "
                    + $"{string.Join(", ", recipes.Names)}."
        );

    [LoggerMessage(LogLevel.Warning, "A recipe is not usable: {Problem}")]
    private static partial void RecipeRefused(ILogger log, RecipeProblem problem);

    [LoggerMessage(LogLevel.Information, "Leftovers of {Count} killed builds were removed")]
    private static partial void Swept(ILogger log, int count);
}
