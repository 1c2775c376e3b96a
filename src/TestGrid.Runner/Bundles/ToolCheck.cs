using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Asks the loader about every program and library of a tool: an archive that is no Debian package names no packages
/// that it needs, and one that lacks a library is found when the bundle is built and not when a job runs.
/// </summary>
internal static class ToolCheck
{
    // What begins otherwise than an ELF file is no business of the loader; what it can't read (another system's) not ours.
    private const string Loads = """
        set -eu
        find "$1" -type f -exec grep -lUm1 "^$(printf '\177ELF')" {} + 2>/dev/null | sort >/tmp/elf || :
        while read -r file; do
            ldd "$file" 2>/dev/null | grep 'not found' | sed "s|^|$file:|" || :
        done </tmp/elf >/tmp/lacks
        cat /tmp/lacks
        [ -s /tmp/lacks ] || echo "all libraries are there"
        """;

    public static RecipeCheck Of(RecipeTool tool) =>
        new(["sh", "-c", Loads, "libraries", tool.Into], "all libraries are there");
}
