using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid repo credential …</c>: how a private repository is fetched. Nothing secret stands on the command line.</summary>
internal static class RepoCredentialCommand
{
    private static readonly Argument<string> Repository = new("REPO") { Description = "owner/name, or its id" };

    public static Command Create() =>
        new("credential", "how a private repository is fetched: set, remove") { Set(), Remove() };

    private static Command Set()
    {
        var user = new Option<string?>("--user")
        {
            Description = "for https: who the password is of (default: git, which most hosts take with a token)",
            HelpName = "NAME",
        };
        var password = new Option<FileInfo?>("--password-file")
        {
            Description = "for https: a file with the password or token (default: standard input, or it is asked for)",
            HelpName = "FILE",
        };
        var key = new Option<FileInfo?>("--key-file")
        {
            Description = "for ssh: a file with the private key, one without a passphrase; - is standard input",
            HelpName = "FILE",
        };
        var hosts = new Option<FileInfo?>("--known-hosts")
        {
            Description = "for ssh: a file with the host's keys, as ssh-keyscan prints them; compare them first",
            HelpName = "FILE",
        };
        var command = new Command("set", "a password or token for https, or a key for ssh; it never comes out again")
        {
            Repository,
            user,
            password,
            key,
            hosts,
        };
        command.Validators.Add(result =>
        {
            var ofKey = result.GetResult(key) is not null;
            if (ofKey != result.GetResult(hosts) is not null)
                result.AddError("ssh needs both: --key-file FILE and --known-hosts FILE (ssh-keyscan HOST prints it)");
            else if (ofKey && (result.GetResult(user) ?? result.GetResult(password)) is not null)
                result.AddError("a repository has one credential: a password (https) or a key (ssh)");
        });
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await RepoCommand.FindAsync(api, parsed.GetValue(Repository)!, stop);
                object credential = parsed.GetValue(key) is { } keyFile
                    ? new
                    {
                        privateKey = await ReadAsync(keyFile, stop),
                        knownHosts = await ReadAsync(parsed.GetValue(hosts)!, stop),
                    }
                    : new
                    {
                        user = parsed.GetValue(user),
                        password = (await PasswordAsync(parsed.GetValue(password), stop)).TrimEnd('\r', '\n'),
                    };
                await api.SendAsync(HttpMethod.Put, Address(repository.Id), stop, credential);
                Console.WriteLine($"{Printed.Plain(repository.Slug)} is fetched with this credential from now on");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Remove()
    {
        var command = new Command("remove", "forget it: the repository is fetched as anybody may") { Repository };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await RepoCommand.FindAsync(api, parsed.GetValue(Repository)!, stop);
                await api.SendAsync(HttpMethod.Delete, Address(repository.Id), stop);
                Console.WriteLine($"{Printed.Plain(repository.Slug)} is fetched without a credential from now on");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static string Address(long repository) => $"/api/v1/repositories/{repository}/credential";

    private static async Task<string> PasswordAsync(FileInfo? file, CancellationToken stop) =>
        file is not null ? await ReadAsync(file, stop)
        : Console.IsInputRedirected ? await Console.In.ReadToEndAsync(stop)
        : Printed.AskSecret("password or token: ");

    private static async Task<string> ReadAsync(FileInfo file, CancellationToken stop)
    {
        if (file.Name == "-")
            return await Console.In.ReadToEndAsync(stop);
        try
        {
            return await File.ReadAllTextAsync(file.FullName, stop);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(e.Message, ExitCodes.Usage);
        }
    }
}
