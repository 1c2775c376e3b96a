using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// The part of <see cref="FinishScript"/> for a recipe's locale, time zone, slimness and setup. Nothing for a recipe that says
/// none of them, so that its build key stays.
/// </summary>
internal static class LastScript
{
    // Not the archive of all locales, in which each one's place depends on those before it.
    private const string Generate = """
        generate() {
            [ -d "$root"/usr/share/i18n/locales ] || { echo "E: locale: wants the package locales" >&2; exit 1; }
            chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin localedef --no-archive -i "$1" -f "$2" "$3" ||
                { echo "E: locale: $3 could not be made" >&2; exit 1; }
        }

        """;

    // Licences stay. Static libraries, too: a compiler links each program with some of them.
    private const string Slim = """
        find "$root"/usr/share/doc ! -type d ! -name copyright -delete
        find "$root"/usr/share/doc -type d -empty -delete
        for folder in man info groff lintian locale; do
            [ ! -d "$root/usr/share/$folder" ] || find "$root/usr/share/$folder" -mindepth 1 -delete
        done

        """;

    public static void Add(StringBuilder script, Recipe recipe)
    {
        if (recipe.Locale is { } locale)
        {
            script.Append(locale.Generate.IsEmpty ? "" : Generate);
            foreach (var one in locale.Generate)
            {
                var (name, at) = one.Split('@') is [var plain, var modifier] ? (plain, "@" + modifier) : (one, "");
                var dot = name.IndexOf('.', StringComparison.Ordinal);
                script.Append($"generate '{name[..dot]}{at}' '{name[(dot + 1)..]}' '{one}'\n");
            }
            script.Append(
                $"""
                mkdir -p "$root"/etc/default
                rm -f "$root"/etc/default/locale
                echo 'LANG={locale.Default}' >"$root"/etc/default/locale

                """
            );
        }
        if (recipe.TimeZone.Length > 0)
            script.Append(
                $"""
                chroot "$root" test -f '/usr/share/zoneinfo/{recipe.TimeZone}' ||
                    ( echo "E: timezone: there is no {recipe.TimeZone}: is the package tzdata in the recipe?" >&2; exit 1 )
                ln -sfn '/usr/share/zoneinfo/{recipe.TimeZone}' "$root"/etc/localtime
                rm -f "$root"/etc/timezone
                echo '{recipe.TimeZone}' >"$root"/etc/timezone

                """
            );
        if (recipe.Setup.Length > 0)
            script.Append(
                $"""
                printf %s {FinishScript.Quoted(recipe.Setup)} >"$root"/tmp/setup
                chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
                    "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" sh -eu /tmp/setup </dev/null >&2 ||
                    ( echo "E: setup: ended with $?" >&2; exit 1 )
                rm -f "$root"/tmp/setup

                """
            );
        // After the setup, which may have installed documentation of its own.
        if (recipe.Slim)
            script.Append(Slim);
    }
}
