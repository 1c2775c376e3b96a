using System.Globalization;
using System.Text;
using TestGrid.Cli.Exits;
using TestGrid.Core.Bundles;

namespace TestGrid.Cli.Output;

/// <summary>What building a bundle a second time showed.</summary>
/// <param name="Name">The recipe's.</param>
/// <param name="Suite">Debian's suite: bookworm.</param>
/// <param name="Packages">How many Debian packages are in it.</param>
/// <param name="Bytes">Of all its files.</param>
/// <param name="Digest">Of the first build.</param>
/// <param name="BuiltTwiceTheSame">Whether the second was the same to the byte.</param>
/// <param name="Seconds">That the second took, out of a pool that had all packages; 0 where it is not known.</param>
internal sealed record BundleProof(
    string Name,
    string Suite,
    int Packages,
    long Bytes,
    BundleDigest Digest,
    bool BuiltTwiceTheSame,
    int Seconds
);

/// <summary>The page of the manual with the proof of every bundle. It is its own record: what it has proved is not built again.</summary>
internal static class ProofPage
{
    private const string Yes = "yes";
    private const int Columns = 7;

    public static string Write(IEnumerable<BundleProof> proofs, DateOnly date)
    {
        var page = new StringBuilder();
        page.Append(
            CultureInfo.InvariantCulture,
            $"""
            # Every bundle, built twice

            Written by `testgrid bundle build --all --verify --page docs/bundles-proved.md`, last on {date:yyyy-MM-dd}; not by hand. Each
            bundle was built from its lock, and then again at another path, in another time zone, with another umask and, where
            `/dev/shm` has the room, on another file system. *Same* says whether both trees were the same to the byte. A bundle whose
            digest stands here already is built once and compared with it; a digest that is another one is built twice again.

            | bundle | suite | packages | MiB | seconds | same | digest |
            |---|---|---:|---:|---:|---|---|

            """
        );
        foreach (var one in proofs.OrderBy(one => one.Name, StringComparer.Ordinal))
            page.Append(
                CultureInfo.InvariantCulture,
                $"| {one.Name} | {one.Suite} | {one.Packages} | {one.Bytes >> 20} | {one.Seconds} | "
                    + $"{(one.BuiltTwiceTheSame ? Yes : "**no**")} | `{one.Digest}` |\n"
            );
        return page.ToString();
    }

    /// <summary>The bundles that a page has proved; empty when there is no such page.</summary>
    /// <param name="file">A page of <see cref="Write"/>.</param>
    /// <exception cref="CommandException">A row is not as it was written: the message has its line.</exception>
    public static IReadOnlyDictionary<string, BundleProof> Read(string file)
    {
        var proofs = new Dictionary<string, BundleProof>(StringComparer.Ordinal);
        if (!File.Exists(file))
            return proofs;
        foreach (var (number, line) in File.ReadLines(file).Index())
        {
            if (!line.EndsWith("` |", StringComparison.Ordinal))
                continue;
            var cells = line.Split('|', StringSplitOptions.TrimEntries)[1..^1];
            if (
                cells.Length != Columns
                || !BundleDigest.TryParse(cells[6].Trim('`'), null, out var digest)
                || !int.TryParse(cells[2], CultureInfo.InvariantCulture, out var packages)
                || !long.TryParse(cells[3], CultureInfo.InvariantCulture, out var size)
                || !int.TryParse(cells[4], CultureInfo.InvariantCulture, out var seconds)
            )
                throw new CommandException(
                    $"{file}:{number + 1} is no row of this page. Remedy: remove the line.",
                    ExitCodes.Usage
                );
            proofs[cells[0]] = new(cells[0], cells[1], packages, size << 20, digest, cells[5] == Yes, seconds);
        }
        return proofs;
    }
}
