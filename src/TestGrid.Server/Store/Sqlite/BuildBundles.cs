using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>
/// What a build runs on: each recipe's bundle is decided once for a build, by its plan or by the first of its jobs, for
/// what jobs run in and for their services.
/// </summary>
internal static class BuildBundles
{
    /// <summary>What the build runs on where this recipe is wanted: this bundle, when none was decided before.</summary>
    /// <param name="service">The recipe of a service of the job's; null for the job's own.</param>
    /// <returns>Null when the token is not the running attempt's, or the job has no such service.</returns>
    public static BundleDigest? Decide(SqliteConnection db, JobId job, string token, string? service, BundleDigest mine)
    {
        var row = db.QuerySingleOrDefault<(string Recipe, string? Digest, string Order)?>(
            "SELECT bundle, bundle_digest, job_order FROM jobs WHERE build = @Build AND cell = @Cell AND token = @token",
            new
            {
                job.Build,
                job.Cell,
                token,
            }
        );
        if (row is not var (recipe, known, order))
            return null;
        // A runner decides for what it was given, and for nothing else.
        if (service is not null && Rows.Order(order).Config.Services.All(one => one.Bundle != service))
            return null;
        if (service is not null && service != recipe)
            (recipe, known) = (service, null);
        known ??= db.ExecuteScalar<string?>(
            "SELECT bundle_digest FROM build_bundles WHERE build = @Build AND recipe = @recipe",
            new { job.Build, recipe }
        );
        // Of a build that an older version began, some jobs may have one and others not.
        known ??= db.ExecuteScalar<string?>(
            "SELECT bundle_digest FROM jobs WHERE build = @Build AND bundle = @recipe AND bundle_digest IS NOT NULL LIMIT 1",
            new { job.Build, recipe }
        );
        known ??= mine.ToString();
        Set(db, job.Build, recipe, known);
        return Rows.Digest(known);
    }

    /// <summary>What was decided for the recipes of a job's services.</summary>
    public static ImmutableSortedDictionary<string, BundleDigest> OfServices(SqliteConnection db, JobOrder order)
    {
        if (order.Config.Services.IsEmpty)
            return ImmutableSortedDictionary<string, BundleDigest>.Empty;
        var decided = db.Query<(string Recipe, string Digest)>(
            "SELECT recipe, bundle_digest FROM build_bundles WHERE build = @Build",
            new { order.Id.Build }
        );
        return decided
            .Where(one => order.Config.Services.Any(service => service.Bundle == one.Recipe))
            .ToImmutableSortedDictionary(one => one.Recipe, one => Rows.Digest(one.Digest)!, StringComparer.Ordinal);
    }

    /// <summary>Decides for all jobs of the build that want the recipe and know none yet.</summary>
    public static void Set(SqliteConnection db, long build, string recipe, string digest) =>
        db.Execute(
            """
            INSERT INTO build_bundles (build, recipe, bundle_digest) VALUES (@build, @recipe, @digest) ON CONFLICT DO NOTHING;
            UPDATE jobs SET bundle_digest = @digest WHERE build = @build AND bundle = @recipe AND bundle_digest IS NULL
            """,
            new
            {
                build,
                recipe,
                digest,
            }
        );
}
