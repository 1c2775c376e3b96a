using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid audit</c>: who changed what, newest first.</summary>
internal static class AuditCommand
{
    public static Command Create()
    {
        var json = Printed.JsonOption();
        var limit = new Option<int>("--limit")
        {
            Description = "so many rows, 1 to 1000",
            DefaultValueFactory = _ => 100,
        };
        var before = new Option<long?>("--before") { Description = "only rows older than this id: the next page" };
        var command = new Command(
            "audit",
            "who made tokens, set secrets, cancelled, ran again; from where; newest first"
        )
        {
            json,
            limit,
            before,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var rows = await api.GetAsync<AuditRecord[]>(
                    $"/api/v1/audit?limit={parsed.GetValue(limit)}"
                        + (parsed.GetValue(before) is { } id ? $"&before={id}" : ""),
                    stop
                );
                if (parsed.GetValue(json))
                    return Printed.Lines(rows);
                Printed.Table(
                    ["id", "when", "who", "from", "action", "target", "outcome"],
                    rows.Select(row =>
                        (string[])
                            [
                                $"{row.Id}",
                                $"{row.At:u}",
                                row.Entry.Who,
                                row.Entry.From,
                                row.Entry.Action,
                                row.Entry.Target,
                                row.Entry.Outcome,
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
