using System.Collections.Immutable;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config.Languages;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Jobs;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Which services run beside a job: those of <c>services:</c>, and the addons that are one.</summary>
internal sealed record ServiceChoice
{
    // Addons of Travis that start a service, in the version that is their value.
    private static readonly string[] Addons = ["postgresql", "mariadb", "rethinkdb"];

    public ImmutableArray<JobService> Services { get; private init; } = [];

    /// <summary>Those that no bundle gives, as they were asked for.</summary>
    public ImmutableArray<string> Missing { get; private init; } = [];

    /// <summary>Those that are here in another version only.</summary>
    public ImmutableArray<string> Other { get; private init; } = [];

    /// <summary>What the log must say because it is not literally what was asked for.</summary>
    public ImmutableArray<string> Notes { get; private init; } = [];

    /// <summary>Why the job cannot run here, or null.</summary>
    public JobImpossible? Impossible { get; private init; }

    /// <summary>Whether an addon of this name is a service.</summary>
    public static bool IsAddon(string name) => Addons.Contains(name);

    public static ServiceChoice Of(MatrixJob job, ConfigSettings settings)
    {
        var services = ImmutableArray.CreateBuilder<JobService>();
        var (missing, other, notes) = (new List<string>(), new List<string>(), new List<string>());
        string? strict = null;
        // An addon first: it says which version.
        foreach (var (name, version) in Asked(job))
        {
            var offers = settings.Services.Where(offer => offer.Service.Names.Contains(name)).ToList();
            if (offers.Count == 0)
            {
                missing.Add(name);
                continue;
            }
            var (offer, isMet) = Pick(offers, version);
            if (services.Any(one => one.Bundle == offer.Recipe || one.Service.Names.Contains(name)))
                continue;
            services.Add(new JobService(name, offer.Recipe, offer.Service));
            if (offer.Service.Names[0] is var real && real != name)
            {
                // A recipe's first name is what it is; the others are what it stands in for: MariaDB for MySQL.
                other.Add(name);
                var near = $"service {name} is {real} {offer.Service.Version} here, the nearest that is.";
                if (job.Text("versions") == "exact")
                    strict ??= near;
                else
                    notes.Add(near);
                continue;
            }
            if (isMet)
                continue;
            other.Add(name);
            var here = $"{name} {Shapes.Short(version!)} is not here";
            if (job.Text("versions") == "exact")
                strict ??= $"{here}: it is here in {Join(offers.Select(one => one.Service.Version))}.";
            else
                notes.Add($"{here}: this job has {offer.Service.Version}, the nearest that is.");
        }
        var isOptional = job.Text("missing_services") is { } wish ? wish == "warn" : settings.RunsWithoutServices;
        var sentence = missing.Count > 0 ? Sentence(missing, settings.Services) : null;
        if (sentence is not null && isOptional)
            notes.AddRange(
                missing.Select(name => $"service {Shapes.Short(name)} is not here: this job runs without it.")
            );
        return new ServiceChoice
        {
            Services = services.ToImmutable(),
            Missing = [.. missing],
            Other = [.. other],
            Notes = [.. notes],
            Impossible =
                sentence is not null && !isOptional ? new JobImpossible(JobReason.NoBundle, sentence)
                : strict is not null ? new JobImpossible(JobReason.NoBundle, strict)
                : null,
        };
    }

    private static IEnumerable<(string Name, string? Version)> Asked(MatrixJob job)
    {
        var addons = job.Keys["addons"] is YamlMap map
            ? map.Entries.Where(entry => IsAddon(entry.Key) && entry.Value is not YamlScalar { Text: "false" })
            : [];
        var named = job.Keys["services"] is YamlList list ? list.Items.OfType<YamlScalar>() : [];
        return
        [
            .. addons.Select(entry => (entry.Key, (entry.Value as YamlScalar)?.Text)),
            .. named
                .Where(item => item.Text is not (null or JobAddons.Screen))
                .Select(item => (item.Text!, (string?)null)),
        ];
    }

    private static (ServiceOffer Offer, bool IsMet) Pick(List<ServiceOffer> offers, string? asked)
    {
        var versions = offers.Select(offer => offer.Service.Version);
        var newest = VersionWish.NewestOf(versions);
        if (asked is null)
            return (Find(newest), true);
        var wish = VersionWords.Plain.Read(asked);
        var met = versions.FirstOrDefault(wish.IsMetBy);
        return (Find(met ?? wish.NearestOf(versions, majorIsAnother: false) ?? newest), met is not null);

        ServiceOffer Find(string? version) =>
            offers.First(offer => version is null || offer.Service.Version == version);
    }

    private static string Sentence(List<string> missing, ImmutableArray<ServiceOffer> offers)
    {
        var names = Join(missing.Select(Shapes.Short));
        var what = missing.Count == 1 ? $"service {names} is not here" : $"services {names} are not here";
        var docker = missing.Contains("docker")
            ? "; docker cannot be: whoever has a Docker daemon is root of its machine, and jobs are nobody there"
            : "";
        var here = offers.IsEmpty
            ? "; no service is here"
            : "; here are "
                + Join(
                    offers
                        .SelectMany(offer => offer.Service.Names.Select(name => $"{name} {offer.Service.Version}"))
                        .Order(StringComparer.Ordinal)
                );
        return $"{what}{docker}{here}. To run without, write missing_services: warn, or take it out of services:.";
    }

    private static string Join(IEnumerable<string> words)
    {
        var all = words.Distinct().ToList();
        return all.Count < 2 ? string.Concat(all) : string.Join(", ", all[..^1]) + " and " + all[^1];
    }
}
