using System.Collections.Immutable;
using System.Data;
using Dapper;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>What each command of an attempt took and used.</summary>
internal static class CommandRecords
{
    /// <summary>One command ended. Saying it twice does no harm.</summary>
    public static void Add(IDbConnection db, JobId job, int attempt, CommandFinished command) =>
        db.Execute(
            """
            INSERT INTO commands
                (build, cell, attempt, place, phase, command, exit_code, took, timer, peak_memory, cpu_time, disk)
            VALUES (@Build, @Cell, @attempt, @Place, @Phase, @Command, @ExitCode, @took, @Timer, @peak, @cpu, @disk)
            ON CONFLICT DO NOTHING
            """,
            new
            {
                job.Build,
                job.Cell,
                attempt,
                command.Place,
                command.Phase,
                command.Command,
                command.ExitCode,
                took = (long)command.Took.TotalMilliseconds,
                command.Timer,
                peak = command.Use.PeakMemoryBytes,
                cpu = (long?)(command.Use.CpuSeconds * 1000),
                disk = command.Use.DiskBytes,
            }
        );

    /// <summary>Those of an attempt, in the order they ran.</summary>
    public static ImmutableArray<CommandRecord> Of(IDbConnection db, JobId job, int attempt) =>
        [
            .. db.Query<Row>(
                    """
                    SELECT phase, command, exit_code AS exit, took, timer, peak_memory AS peak, cpu_time AS cpu, disk
                    FROM commands WHERE build = @Build AND cell = @Cell AND attempt = @attempt ORDER BY place
                    """,
                    new
                    {
                        job.Build,
                        job.Cell,
                        attempt,
                    }
                )
                .Select(row => row.Record),
        ];

    private sealed class Row
    {
        public string Phase { get; init; } = "";
        public string Command { get; init; } = "";
        public long Exit { get; init; }
        public long Took { get; init; }
        public string Timer { get; init; } = "";
        public long? Peak { get; init; }
        public long? Cpu { get; init; }
        public long? Disk { get; init; }

        public CommandRecord Record =>
            new(Phase, Command, (int)Exit, Took / 1000.0, Timer, JobUse.Of(Peak, Cpu / 1000.0, Disk));
    }
}
