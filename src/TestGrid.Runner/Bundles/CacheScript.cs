namespace TestGrid.Runner.Bundles;

/// <summary>
/// The part of <see cref="FinishScript"/> for what installing makes otherwise each time: what is only a cache goes, what is
/// needed is made again in one way. Each was found by building twice; what is not in a tree costs it nothing.
/// </summary>
internal static class CacheScript
{
    /// <summary>Shell, with the tree in <c>$root</c>.</summary>
    public const string Text = Java + Mono + Haskell;

    // The certificates' store (JKS, version 2) has the time at which each came in, and their order is a hash table's; at its
    // end is SHA-1 over a known password, a phrase, and all before. A class data archive that a JDK's script made (up to 11) is a
    // JVM's memory: it differs, and only makes a start quicker. Newer packages bring theirs, and those stay.
    private const string Java = """
        if [ -f "$root"/etc/ssl/certs/java/cacerts ] && [ -x "$root"/usr/bin/perl ]; then
        cat >"$root"/tmp/cacerts.pl <<'PERL'
        use strict; use Digest::SHA 'sha1';
        my ($file, $time) = @ARGV;
        open my $in, '<:raw', $file or die; local $/; my $store = <$in>; close $in;
        my ($magic, $version, $count) = unpack 'NNN', $store;
        exit 0 unless $magic == 0xFEEDFEED && $version == 2;
        my ($at, %entries) = (12);
        for (1 .. $count) {
            my ($tag, $alias) = unpack 'N n/a', substr $store, $at; $at += 6 + length $alias;
            die "entry $alias is no certificate" unless $tag == 2;
            my ($type, $certificate) = unpack 'x8 n/a N/a', substr $store, $at;
            $at += 8 + 2 + length($type) + 4 + length $certificate;
            $entries{$alias} = pack 'N n/a Q> n/a N/a', $tag, $alias, $time * 1000, $type, $certificate;
        }
        my $new = pack('NNN', $magic, $version, $count) . join '', map { $entries{$_} } sort keys %entries;
        $new .= sha1(join('', map { "\0$_" } split //, 'changeit') . 'Mighty Aphrodite' . $new);
        open my $out, '>:raw', $file or die; print $out $new; close $out or die;
        PERL
        chroot "$root" perl /tmp/cacerts.pl /etc/ssl/certs/java/cacerts "$SOURCE_DATE_EPOCH"
        rm -f "$root"/tmp/cacerts.pl
        fi
        for archive in "$root"/usr/lib/jvm/*/lib/server/*.jsa "$root"/usr/lib/jvm/*/jre/lib/*/server/*.jsa; do
            [ ! -f "$archive" ] || chroot "$root" dpkg-query --search "${archive#"$root"}" >/dev/null 2>&1 || rm -f "$archive"
        done

        """;

    // Compiled ahead of time by a package's script, with a name of its own each time: without it the JIT compiles.
    private const string Mono = """
        rm -rf "$root"/usr/lib/mono/aot-cache

        """;

    // GHC's cache of its packages is in the order in which their folder is read: so they are put in one by one, where that
    // order is the order of coming.
    private const string Haskell = """
        if [ -f "$root"/var/lib/ghc/package.conf.d/package.cache ]; then
        mkdir "$root"/tmp/packages
        mount -t tmpfs tmpfs "$root"/tmp/packages
        for package in $(cd "$root"/var/lib/ghc/package.conf.d && ls -- *.conf | LC_ALL=C sort); do
            cp "$root/var/lib/ghc/package.conf.d/$package" "$root"/tmp/packages/
        done
        chroot "$root" ghc-pkg recache --package-db=/tmp/packages
        cat "$root"/tmp/packages/package.cache >"$root"/var/lib/ghc/package.conf.d/package.cache
        umount "$root"/tmp/packages
        rmdir "$root"/tmp/packages
        fi

        """;
}
