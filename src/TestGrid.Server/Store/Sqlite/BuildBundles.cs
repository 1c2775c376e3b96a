using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>
/// What a build runs on: each recipe's bundle is decided once for a build, by its plan or by the first of its jobs, and
/// stands in all of its jobs from then on.
/// </summary>
internal static class BuildBundles
{
    /// <summary>What the build runs on where this job's recipe is wanted: this bundle, when none was decided before.</summary>
    /// <returns>Null when the token is not the running attempt's.</returns>
    public static BundleDigest? Decide(SqliteConnection db, JobId job, string token, BundleDigest mine)
    {
        var row = db.QuerySingleOrDefault<(string Recipe, string? Digest)?>(
            "SELECT bundle, bundle_digest FROM jobs WHERE build = @Build AND cell = @Cell AND token = @token",
            new
            {
                job.Build,
                job.Cell,
                token,
            }
        );
        if (row is not var (recipe, known))
            return null;
        // Of a build that an older version began, some jobs may have one and others not.
        known ??= db.ExecuteScalar<string?>(
            "SELECT bundle_digest FROM jobs WHERE build = @Build AND bundle = @recipe AND bundle_digest IS NOT NULL LIMIT 1",
            new { job.Build, recipe }
        );
        known ??= mine.ToString();
        Set(db, job.Build, recipe, known);
        return Rows.Digest(known);
    }

    /// <summary>Decides for all jobs of the build that want the recipe and know none yet.</summary>
    public static void Set(SqliteConnection db, long build, string recipe, string digest) =>
        db.Execute(
            "UPDATE jobs SET bundle_digest = @digest WHERE build = @build AND bundle = @recipe AND bundle_digest IS NULL",
            new
            {
                build,
                recipe,
                digest,
            }
        );
}
