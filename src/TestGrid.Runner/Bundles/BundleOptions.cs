using System.ComponentModel.DataAnnotations;

namespace TestGrid.Runner.Bundles;

/// <summary>How bundles' trees are shown.</summary>
public enum BundleMount
{
    /// <summary>As the folder that was built.</summary>
    Directory,

    /// <summary>As a mounted EROFS image where this machine can, else as the folder.</summary>
    Auto,

    /// <summary>As a mounted EROFS image; an error where this machine cannot.</summary>
    Erofs,
}

/// <summary>The operator's settings for bundles.</summary>
public sealed class BundleOptions
{
    /// <summary>
    /// The store's folder. Every folder above it must let others pass (mode o+x): sandboxes run as strangers.
    /// </summary>
    [Required]
    public string RootPath { get; set; } = "/var/lib/testgrid/bundles";

    /// <summary>A folder with one folder per recipe, each with a <c>recipe.yml</c>.</summary>
    [Required]
    public string RecipesPath { get; set; } = Path.Combine(AppContext.BaseDirectory, "runner-images");

    /// <summary>One recipe's file, with its lock beside it, instead of a folder of them; null takes the folder.</summary>
    internal string? RecipeFile { get; set; }

    /// <summary>A folder like <see cref="RecipesPath"/> of recipes that <c>from:</c> may name besides; null of none.</summary>
    internal string? ParentsPath { get; set; }

    /// <summary>Whether a tool's address is a stranger's: then it is asked only where an image of a stranger's is.</summary>
    internal bool GuardsTools { get; set; }

    /// <summary>These settings for recipes of somebody's own, whose locks are promises, and whose parents may be those here.</summary>
    /// <param name="folder">A folder of them; null of one file.</param>
    /// <param name="file">The file of one, with the lock beside it; null of a folder.</param>
    /// <param name="isStrangers">Whether a repository says what is in it, and no person at this machine.</param>
    public BundleOptions ForOwn(string? folder, string? file, bool isStrangers = false)
    {
        var own = (BundleOptions)MemberwiseClone();
        (own.ParentsPath, own.RecipesPath) = (RecipesPath, folder ?? RecipesPath);
        (own.RecipeFile, own.KeepLocks, own.GuardsTools) = (file, true, isStrangers);
        return own;
    }

    /// <summary>
    /// Lines of an apt source list to take instead of the machine's own, with <c>{suite}</c> for the codename:
    /// <c>deb http://mirror.example/debian {suite} main</c>.
    /// </summary>
    public IList<string> Mirrors { get; } = [];

    /// <summary>
    /// Addresses (<c>http://archive.example/debian</c>) that are asked for a locked package when no mirror has it any
    /// more. What they give is taken by its hash alone.
    /// </summary>
    public IList<string> ArchiveMirrors { get; } = [];

    /// <summary>
    /// The address of the npm registry that gives recipes' <c>tools:</c>; null takes what npm itself is set to here.
    /// </summary>
    public string? NpmRegistry { get; set; }

    /// <summary>
    /// Registries of images that are asked though they are in a private network or speak plain http:
    /// <c>http://HOST[:PORT]</c>, <c>https://HOST[:PORT]</c>; or <c>NAME=ADDRESS</c>, where images that name a registry
    /// NAME come from. Those of the public internet need not stand here.
    /// </summary>
    public IList<string> Registries { get; } = [];

    /// <summary>
    /// Whether a lock whose packages are gone, or that is of an older recipe, is an error. Off, this machine locks the
    /// recipe again and says so; for recipes that are yours, on.
    /// </summary>
    public bool KeepLocks { get; set; }

    /// <summary>The keyring that signs the mirror's releases.</summary>
    public string Keyring { get; set; } = "/usr/share/keyrings/debian-archive-keyring.gpg";

    /// <summary>
    /// A proxy for apt, here and in jobs, and for tools; null takes apt's own setting. Jobs can read it.
    /// </summary>
    public string? Proxy { get; set; }

    /// <summary>
    /// A PEM file of certificate authorities that jobs shall trust too; null takes none. For mirrors and hosts behind
    /// a proxy that signs for others.
    /// </summary>
    public string? ExtraCertificates { get; set; }

    /// <summary>
    /// The first id, on this machine, of the range that is 0 to 65535 inside. Ids of users that exist nowhere else.
    /// </summary>
    [Range(65536, 4_000_000_000)]
    public long IdBase { get; set; } = 100_000;

    [Range(typeof(TimeSpan), "00:01:00", "12:00:00")]
    public TimeSpan BuildTime { get; set; } = TimeSpan.FromMinutes(45);

    /// <summary>A bundle that no recipe names any more is removed when it was last used longer ago than this.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "3650.00:00:00")]
    public TimeSpan KeepUnused { get; set; } = TimeSpan.FromDays(14);

    /// <summary>Bytes that all bundles may take together; the least recently used go first.</summary>
    [Range(0, long.MaxValue)]
    public long MaxBytes { get; set; } = 20L << 30;

    /// <summary>How a bundle's tree is shown to sandboxes.</summary>
    public BundleMount Mount { get; set; } = BundleMount.Directory;

    /// <summary>Bytes that one app layer may have; a larger one is not kept.</summary>
    [Range(0, long.MaxValue)]
    public long LayerMaxBytes { get; set; } = 2L << 30;

    /// <summary>Bytes that all app layers may take together, beside the bundles; the least recently used go first.</summary>
    [Range(0, long.MaxValue)]
    public long LayersMaxBytes { get; set; } = 10L << 30;

    /// <summary>Bytes that must be free before a build starts, or a layer is kept.</summary>
    [Range(0, long.MaxValue)]
    public long FreeBytes { get; set; } = 3L << 30;
}
