using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// The last step of a build, a shell script that gets the tree's folder and the tools' archives as its arguments:
/// tools, users, files, and everything out that would make two builds differ or give all sandboxes the same secret.
/// </summary>
internal static class FinishScript
{
    public static string Of(Recipe recipe)
    {
        var script = new StringBuilder("set -eu\nroot=$1\n");
        foreach (var tool in recipe.Tools)
            Unpack(script, tool);
        foreach (var user in recipe.Users)
            script.Append(
                $"""
                chroot "$root" groupadd --gid {user.Uid} {user.Name}
                chroot "$root" useradd --uid {user.Uid} --gid {user.Uid} --create-home --shell /bin/bash {user.Name}
                mkdir -p "$root/home/{user.Name}/build"
                chown {user.Uid}:{user.Uid} "$root/home/{user.Name}/build"

                """
            );
        foreach (var user in recipe.Users.Where(user => user.Sudo))
            Write(script, $"/etc/sudoers.d/{user.Name}", "0440", $"{user.Name} ALL=(ALL:ALL) NOPASSWD:ALL\n");
        foreach (var file in recipe.Files)
            Write(script, file.Path, file.Mode, file.Text);
        LastScript.Add(script, recipe);
        return script.Append(Normalise).Append(Compile).Append(CacheScript.Text).Append(Last).ToString();
    }

    /// <summary>The same for a tree that has its tools and users already.</summary>
    public static string OfDraft(Recipe recipe)
    {
        var script = new StringBuilder("set -eu\nroot=$1\n");
        foreach (var file in recipe.Files)
            Write(script, file.Path, file.Mode, file.Text);
        LastScript.Add(script, recipe);
        return script.Append(Normalise).Append(Compile).Append(CacheScript.Text).Append(Last).ToString();
    }

    // By the tree's own tar, in the tree: whatever stands in an archive, nothing outside is written. npm packs the files
    // of a program with odd modes, so all may read them, and what is linked is made executable.
    private static void Unpack(StringBuilder script, RecipeTool tool)
    {
        script.Append(
            $"""
            shift
            chroot "$root" mkdir -p {tool.Into}
            case $(od -An -tx1 -N6 "$1" | tr -d ' \n') in
            1f8b*) form=--gzip ;;
            fd377a585a00*) form=--xz ;;
            28b52ffd*) form=--zstd ;;
            *) form= ;;
            esac
            chroot "$root" tar -x $form --no-same-owner --no-same-permissions --strip-components=1                 -C {tool.Into} <"$1"
            chroot "$root" chmod -R u+w,go-w,a+rX {tool.Into}

            """
        );
        foreach (var (path, target) in tool.Links)
            script.Append(
                $"""
                [ -e "$root{tool.Into}/{target}" ] || [ -L "$root{tool.Into}/{target}" ] ||
                    ( echo "{tool} has no {target}" >&2; exit 1 )
                [ -d "$root{tool.Into}/{target}" ] || chroot "$root" chmod a+rx {tool.Into}/{target}
                chroot "$root" mkdir -p {Path.GetDirectoryName(path)}
                chroot "$root" ln -s {tool.Into}/{target} {path}

                """
            );
    }

    private static void Write(StringBuilder script, string path, string mode, string text) =>
        script.Append(
            $"""
            mkdir -p "$root{Path.GetDirectoryName(path)}"
            rm -f "$root{path}"
            printf %s {Quoted(text)} >"$root{path}"
            chmod {mode} "$root{path}"

            """
        );

    internal static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    // Keys that packages make when they are installed would be the same in every sandbox and for every customer.
    private const string Normalise = """
        rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/ssl/private/ssl-cert-snakeoil.key \
            "$root"/etc/ssl/certs/ssl-cert-snakeoil.pem "$root"/var/lib/rabbitmq/.erlang.cookie \
            "$root"/var/lib/systemd/random-seed "$root"/var/lib/dbus/machine-id
        # From inside: seen from out here a link to /usr/share would lead to this machine's own files.
        chroot "$root" find /etc/ssl/certs -xtype l -delete 2>/dev/null || :
        for data in mysql postgresql; do
            [ ! -d "$root/var/lib/$data" ] || find "$root/var/lib/$data" -mindepth 1 -delete
        done
        rm -f "$root"/etc/machine-id && : >"$root"/etc/machine-id
        find "$root"/var/log -type f -delete
        rm -f "$root"/etc/passwd- "$root"/etc/shadow- "$root"/etc/group- "$root"/etc/gshadow- \
            "$root"/etc/subuid- "$root"/etc/subgid- "$root"/etc/.pwd.lock
        rm -f "$root"/var/lib/dpkg/*-old "$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig/aux-cache
        rm -rf "$root"/var/cache/man/* "$root"/var/cache/fontconfig/*
        rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
        rm -f "$root"/etc/apt/sources.list.d/*
        rm -f "$root"/etc/apt/sources.list
        echo "# The runner shows this machine's Debian mirror here." >"$root"/etc/apt/sources.list
        chmod 0644 "$root"/etc/apt/sources.list "$root"/etc/machine-id

        """;

    // The bytes of a .pyc depend on what the process that compiled it had done before: so one process compiles all of
    // them, in order, and they no longer look at their source's time.
    private const string Compile = """
        if [ -x "$root"/usr/bin/python3 ]; then
        cat >"$root"/tmp/compile.py <<'PYTHON'
        import os, py_compile
        sources = []
        for top in ('/usr/lib', '/usr/share'):
            for folder, _, names in os.walk(top):
                if os.path.basename(folder) != '__pycache__':
                    continue
                for name in names:
                    path = os.path.join(folder, name)
                    source = os.path.join(os.path.dirname(folder), name.split('.')[0] + '.py')
                    if name.endswith('.pyc') and name.count('.') == 2 and os.path.isfile(source):
                        sources.append((source, path))
                    os.unlink(path)
        for source, path in sorted(sources):
            try:
                py_compile.compile(source, path, doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            except py_compile.PyCompileError:
                pass
        PYTHON
        chroot "$root" env -i PATH=/usr/bin:/bin PYTHONHASHSEED=0 LC_ALL=C.UTF-8 python3 -s -S -B /tmp/compile.py
        rm -f "$root"/tmp/compile.py
        fi

        """;

    private const string Last = """
        rm -rf "$root"/var/lib/apt/lists "$root"/var/cache/apt
        mkdir -p "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial

        """;
}
