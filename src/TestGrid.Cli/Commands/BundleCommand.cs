using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Layers;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid bundle …</c>: this machine's bundles; their locks are <see cref="LockCommands"/>.</summary>
internal static class BundleCommand
{
    public static Command Create() =>
        new("bundle", "this machine's bundles and what they are made of")
        {
            List(),
            Show(),
            LockCommands.Lock(),
            LockCommands.Update(),
            LockCommands.Outdated(),
            LockCommands.Check(),
            BundleBuildCommand.Create(),
            Verify(),
            Digest(),
            Diff(),
            ExportCommand.Create(),
            ImportCommand.Create(),
            Clean(),
        };

    private static Command List()
    {
        var json = Printed.JsonOption();
        var layers = new Option<bool>("--layers")
        {
            Description = "app layers that jobs have kept, instead of bundles",
        };
        var command = new Command("list", "the bundles that are built here") { layers, json };
        command.SetAction(parsed =>
        {
            using var services = LocalServices.ForBundles();
            if (parsed.GetValue(layers))
                return ListLayers(services.GetRequiredService<LayerStore>(), parsed.GetValue(json));
            var all = services.GetRequiredService<BundleStore>().List();
            if (parsed.GetValue(json))
                return Printed.Lines(all);
            Printed.Table(
                ["bundle", "digest", "suite", "lock", "MiB"],
                all.Select(one =>
                    (string[])
                        [
                            one.Name,
                            one.Digest.ToString(),
                            one.Suite,
                            one.IsDraft ? "draft"
                            : one.LockDigest.Length == 0 ? "unlocked"
                            : "locked",
                            $"{one.Bytes >> 20}",
                        ]
                )
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    private static int ListLayers(LayerStore store, bool isJson)
    {
        var all = store.List();
        if (isJson)
            return Printed.Lines(all);
        Printed.Table(
            ["repository", "of", "locks", "digest", "job", "made", "MiB"],
            all.Select(one =>
                (string[])
                    [
                        Printed.Plain(one.Repository),
                        Printed.Plain(one.Inputs.Scope),
                        Printed.Plain(string.Join(' ', one.Inputs.Locks)),
                        one.Digest.Short,
                        one.Job,
                        $"{one.Made:yyyy-MM-dd HH:mm}Z",
                        $"{one.Bytes / 1048576.0:0.#}",
                    ]
            )
        );
        return ExitCodes.Ok;
    }

    private static Command Show()
    {
        var bundle = Named("BUNDLE");
        var json = Printed.JsonOption();
        var command = new Command("show", "a bundle's digest, lock and packages") { bundle, json };
        command.SetAction(parsed =>
        {
            using var services = LocalServices.ForBundles();
            var record = Find(services.GetRequiredService<BundleStore>(), parsed.GetValue(bundle)!);
            if (parsed.GetValue(json))
                return Printed.Lines([record]);
            Console.WriteLine($"bundle   {record.Name}\ndigest   {record.Digest}\nlock     {LockOf(record)}");
            if (record.IsDraft)
                Console.WriteLine("draft    packages were added to an earlier tree; it is not exported");
            var options = services.GetRequiredService<IOptions<BundleOptions>>().Value;
            Console.WriteLine(
                $"suite    {record.Suite}\nbytes    {record.Bytes}\nmount    {MountWay.Here(options.Mount).Text}"
            );
            Console.WriteLine($"packages {record.Packages.Length}");
            foreach (var package in record.Packages)
                Console.WriteLine($"         {package.Name} {package.Version} ({package.Arch})");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Verify()
    {
        var digest = new Argument<string>("DIGEST") { Description = "the bundle's digest: sha256:…" };
        var command = new Command("verify", "read the whole tree again and compare it with its name") { digest };
        command.SetAction(
            async (parsed, stop) =>
            {
                if (!BundleDigest.TryParse(parsed.GetValue(digest), null, out var named))
                    throw new CommandException("a digest is sha256: and 64 hexadecimal digits", ExitCodes.Usage);
                await using var services = LocalServices.ForBundles();
                var differences = await services.GetRequiredService<BundleStore>().VerifyAsync(named, stop);
                foreach (var difference in differences)
                    Console.WriteLine(Printed.Plain(difference));
                Console.WriteLine(differences.IsEmpty ? $"{named.Short} is whole" : $"{named.Short} was changed");
                return differences.IsEmpty ? ExitCodes.Ok : ExitCodes.Broken;
            }
        );
        return command;
    }

    private static Command Digest()
    {
        var folder = new Argument<DirectoryInfo>("DIR") { Description = "a root filesystem" };
        folder.AcceptExistingOnly();
        var ids = new Option<long>("--ids")
        {
            Description = "the id here that is root inside: 0, or 100000 in a store",
        };
        var manifest = new Option<bool>("--manifest") { Description = "print the manifest that it is the digest of" };
        var command = new Command("digest", "the digest of any folder, as if it were a bundle")
        {
            folder,
            ids,
            manifest,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var path = parsed.GetValue(folder)!.FullName;
                var read = await Task.Run(() => TreeReader.Read(path, parsed.GetValue(ids), stop), stop);
                if (parsed.GetValue(manifest))
                    await Console.OpenStandardOutput().WriteAsync(read.Text, stop);
                else
                    Console.WriteLine(read.Digest);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Diff()
    {
        var (one, two) = (Named("A"), Named("B"));
        var most = new Option<int>("--most") { Description = "lines at most", DefaultValueFactory = _ => 200 };
        var command = new Command("diff", "what differs between two bundles: packages, then paths") { one, two, most };
        command.SetAction(parsed =>
        {
            using var services = LocalServices.ForBundles();
            var store = services.GetRequiredService<BundleStore>();
            var (a, b) = (Find(store, parsed.GetValue(one)!), Find(store, parsed.GetValue(two)!));
            if (a.Digest == b.Digest)
            {
                Console.WriteLine($"{a.Digest}: the same");
                return ExitCodes.Ok;
            }
            foreach (var gone in a.Packages.Except(b.Packages))
                Console.WriteLine($"- package {gone.Name} {gone.Version} ({gone.Arch})");
            foreach (var come in b.Packages.Except(a.Packages))
                Console.WriteLine($"+ package {come.Name} {come.Version} ({come.Arch})");
            foreach (
                var line in store.ManifestOf(a.Digest).DifferencesTo(store.ManifestOf(b.Digest), parsed.GetValue(most))
            )
                Console.WriteLine(Printed.Plain(line));
            return ExitCodes.Broken;
        });
        return command;
    }

    private static Command Clean()
    {
        var command = new Command(
            "gc",
            "remove bundles, app layers and packages that nobody uses; prints the bytes freed"
        );
        command.SetAction(
            async (_, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                var freed = await services.GetRequiredService<BundleStore>().CleanAsync(stop);
                Console.WriteLine(freed + await services.GetRequiredService<LayerStore>().CleanAsync(stop));
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    // Nobody can say what an imported one was built from.
    private static string LockOf(BundleRecord record) =>
        record.LockDigest.Length == 0 ? "unlocked" : $"sha256:{record.LockDigest}";

    /// <summary>Which bundle.</summary>
    public static Argument<string> Named(string name) =>
        new(name) { Description = "a bundle's name (the newest of it), or a digest or its beginning" };

    /// <summary>The bundle that was named.</summary>
    /// <exception cref="BundleException">There is none, or more than one.</exception>
    public static BundleRecord Find(BundleStore store, string named)
    {
        var hex = named.StartsWith("sha256:", StringComparison.Ordinal) ? named["sha256:".Length..] : named;
        var all = store.List();
        return all.FirstOrDefault(one => one.Name == named)
            ?? all.Where(one => hex.Length >= 6 && one.Digest.Hex.StartsWith(hex, StringComparison.Ordinal))
                .ToArray() switch
            {
                [var only] => only,
                [] => throw new BundleException($"There is no bundle {named} here: testgrid bundle list names them."),
                _ => throw new BundleException($"{named} begins more than one digest: write more of it."),
            };
    }
}
