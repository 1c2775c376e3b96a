using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid repo …</c>: register repositories and see what their webhooks did.</summary>
internal static class RepoCommand
{
    public static Command Create() =>
        new("repo", "repositories: add, list, set, credential, remove, deliveries")
        {
            Add(),
            List(),
            Set(),
            RepoCredentialCommand.Create(),
            Remove(),
            Deliveries(),
        };

    /// <summary>Finds a repository by <c>owner/name</c> or id.</summary>
    public static async Task<RepositoryRecord> FindAsync(ApiClient api, string name, CancellationToken stop)
    {
        var all = await api.GetAsync<RepositoryRecord[]>("/api/v1/repositories", stop);
        return all.FirstOrDefault(repository =>
                string.Equals(repository.Slug, name, StringComparison.OrdinalIgnoreCase) || $"{repository.Id}" == name
            )
            ?? throw new CommandException(
                $"there is no repository '{name}'. See: testgrid repo list",
                ExitCodes.NotFound
            );
    }

    private static Command Add()
    {
        var url = new Argument<string>("URL") { Description = "https://…, ssh://…, git@host:…, or a folder here" };
        var slug = new Option<string?>("--slug")
        {
            Description = "owner/name, as the git host's payloads say it (default: taken from the URL)",
        };
        var json = Printed.JsonOption();
        var command = new Command("add", "register a repository; prints its webhook URL and secret")
        {
            url,
            slug,
            json,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var address = parsed.GetValue(url)!;
                if (Directory.Exists(address))
                    address = Path.GetFullPath(address); // the server has another working folder than we
                var added = await api.PostAsync<RepositoryAdded>(
                    "/api/v1/repositories",
                    new { url = address, slug = parsed.GetValue(slug) },
                    stop
                );
                if (parsed.GetValue(json))
                    return Printed.Lines([added]);
                Console.WriteLine(
                    $"""
                    {Printed.Plain(added.Repository.Slug)} is registered.

                      webhook URL     {added.Repository.WebhookUrl}
                      content type    application/json
                      secret          {added.Secret}   (shown once)

                    Start a build without a push: testgrid build start {Printed.Plain(added.Repository.Slug)}
                    """
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command List()
    {
        var json = Printed.JsonOption();
        var command = new Command("list", "the registered repositories") { json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var all = await api.GetAsync<RepositoryRecord[]>("/api/v1/repositories", stop);
                if (parsed.GetValue(json))
                    return Printed.Lines(all);
                Printed.Table(
                    ["id", "repository", "URL", "last delivery"],
                    all.Select(repository =>
                        (string[])
                            [
                                $"{repository.Id}",
                                repository.Slug,
                                repository.Url,
                                repository.LastDelivery is { } last ? $"{last.Event}: {last.Outcome}" : "none yet",
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Set()
    {
        var name = new Argument<string>("REPO") { Description = "owner/name, or its id" };
        var share = new Option<string?>("--share-config")
        {
            Description = "other repositories' configurations may import files of this one",
            HelpName = "on|off",
        };
        share.AcceptOnlyFromAmong("on", "off");
        var pulls = new Option<string?>("--pull-requests")
        {
            Description = "which are built: none, those of its own branches, or forks' too (without secrets)",
            HelpName = "none|own|all",
        };
        pulls.AcceptOnlyFromAmong("none", "own", "all");
        var json = Printed.JsonOption();
        var command = new Command("set", "change what a repository allows, or see it") { name, share, pulls, json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await FindAsync(api, parsed.GetValue(name)!, stop);
                var (shared, rule) = (parsed.GetValue(share), parsed.GetValue(pulls));
                if (shared is not null || rule is not null)
                    repository = await api.PatchAsync<RepositoryRecord>(
                        $"/api/v1/repositories/{repository.Id}",
                        new { sharesConfig = shared is null ? (bool?)null : shared == "on", pullRequests = rule },
                        stop
                    );
                if (parsed.GetValue(json))
                    return Printed.Lines([repository]);
                Printed.Table(
                    ["setting", "is"],
                    [
                        (string[])["share-config", repository.SharesConfig ? "on" : "off"],
                        (string[])["pull-requests", repository.PullRequests.ToString().ToLowerInvariant()],
                    ]
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Remove()
    {
        var name = new Argument<string>("REPO") { Description = "owner/name, or its id" };
        var command = new Command(
            "remove",
            "forget a repository and its secrets; what runs is cancelled, and its builds stay"
        )
        {
            name,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await FindAsync(api, parsed.GetValue(name)!, stop);
                await api.SendAsync(HttpMethod.Delete, $"/api/v1/repositories/{repository.Id}", stop);
                Console.WriteLine($"{Printed.Plain(repository.Slug)} is removed");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Deliveries()
    {
        var name = new Argument<string>("REPO") { Description = "owner/name, or its id" };
        var json = Printed.JsonOption();
        var command = new Command("deliveries", "what became of its webhooks, and why") { name, json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await FindAsync(api, parsed.GetValue(name)!, stop);
                var all = await api.GetAsync<DeliveryRecord[]>(
                    $"/api/v1/repositories/{repository.Id}/deliveries",
                    stop
                );
                if (parsed.GetValue(json))
                    return Printed.Lines(all);
                Printed.Table(
                    ["received", "event", "outcome", "why"],
                    all.Select(one => (string[])[$"{one.ReceivedAt:u}", one.Event, one.Outcome, one.Why])
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
