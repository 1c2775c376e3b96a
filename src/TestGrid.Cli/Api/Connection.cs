using System.CommandLine;
using System.Text;
using System.Text.Json;
using TestGrid.Cli.Exits;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Api;

/// <summary>Which server a command talks to, and with what right.</summary>
/// <param name="Url">The server's address.</param>
/// <param name="Token">A token (<c>tg_…</c>), or null to read only what is open.</param>
public sealed record Connection(Uri Url, string? Token)
{
    private const string DefaultUrl = "http://127.0.0.1:8080";

    private static readonly Option<string?> UrlOption = new("--server")
    {
        Description = "the server's address (else $TESTGRID_URL, else the one that `testgrid up` started)",
        Recursive = true,
        HelpName = "URL",
    };

    private static readonly Option<FileInfo?> TokenFileOption = new("--token-file")
    {
        Description = "a file that holds the token (else $TESTGRID_TOKEN, else this machine's own)",
        Recursive = true,
        HelpName = "FILE",
    };

    public static IEnumerable<Option> Options => [UrlOption, TokenFileOption];

    /// <summary>Where <c>up</c> leaves the address and a token for the person who called it.</summary>
    public static string FileOf(string configFolder) => Path.Combine(configFolder, "testgrid", "client.json");

    /// <summary>Where it is for this person, whose configuration folder is <c>$XDG_CONFIG_HOME</c> or <c>~/.config</c>; null without one.</summary>
    public static string? OwnFile =>
        // DoNotVerify: the empty answer for a folder that is not there would be a path below the working folder.
        Environment.GetFolderPath(
            Environment.SpecialFolder.ApplicationData,
            Environment.SpecialFolderOption.DoNotVerify
        )
            is { Length: > 0 } home
            ? FileOf(home)
            : null;

    /// <summary>Command line, then environment, then what a server on this machine left behind.</summary>
    public static Connection Find(ParseResult parsed)
    {
        var left = FindLeft();
        var url =
            parsed.GetValue(UrlOption) ?? Environment.GetEnvironmentVariable("TESTGRID_URL") ?? left?.Url ?? DefaultUrl;
        var token = parsed.GetValue(TokenFileOption) is { } file
            ? ReadToken(file)
            : Environment.GetEnvironmentVariable("TESTGRID_TOKEN");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw new CommandException($"'{url}' is not an address: write it as {DefaultUrl}", ExitCodes.Usage);
        // What was left for one server is told to no other.
        if (
            token is null
            && left is not null
            && Uri.TryCreate(left.Url, UriKind.Absolute, out var its)
            && IsSame(address, its)
        )
            token = left.Token;
        return new Connection(address, token);
    }

    /// <summary>The command line names a server.</summary>
    public static bool IsNamed(ParseResult parsed) => parsed.GetValue(UrlOption) is not null;

    /// <summary>
    /// What was given to a runner, which runs on machines that no server has left anything on: the address, and a token
    /// of its own kind (<c>tgr_…</c>).
    /// </summary>
    public static Connection OfRunner(ParseResult parsed)
    {
        var url = parsed.GetValue(UrlOption) ?? Environment.GetEnvironmentVariable("TESTGRID_URL");
        var token = parsed.GetValue(TokenFileOption) is { } file
            ? ReadToken(file)
            : Environment.GetEnvironmentVariable("TESTGRID_RUNNER_TOKEN");
        if (url is null || string.IsNullOrWhiteSpace(token))
        {
            throw new CommandException(
                "a runner needs its server and a token: testgrid runner --server https://ci.example.org --token-file FILE. "
                    + "Make the token where the server is: testgrid runner token create NAME > FILE",
                ExitCodes.Usage
            );
        }
        if (!token.StartsWith("tgr_", StringComparison.Ordinal))
        {
            throw new CommandException(
                "that is no runner's token (tgr_…): make one with testgrid runner token create NAME",
                ExitCodes.Usage
            );
        }
        return Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? new Connection(address, token)
            : throw new CommandException($"'{url}' is not an address: write it as {DefaultUrl}", ExitCodes.Usage);
    }

    /// <summary>Leaves address and token for later commands, for their owner's eyes only.</summary>
    public static void Leave(string file, string url, string token)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        DataFolder.WriteSecret(file, Encoding.UTF8.GetBytes(Left(url, token)));
    }

    /// <summary>What is left in the file.</summary>
    public static string Left(string url, string token) =>
        JsonSerializer.Serialize(new LeftConnection(url, token), JsonSerializerOptions.Web);

    private static bool IsSame(Uri one, Uri other) =>
        (one.Scheme, one.Port) == (other.Scheme, other.Port)
        && (one.IsLoopback && other.IsLoopback || one.IdnHost == other.IdnHost);

    private static string ReadToken(FileInfo file)
    {
        try
        {
            return File.ReadAllText(file.FullName).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"the token file cannot be read: {e.Message}", ExitCodes.Usage);
        }
    }

    private static LeftConnection? FindLeft()
    {
        var ofData = Path.Combine(DataFolder.Usual(), "client.json");
        // A data folder that is named is the nearer; else the newest `up` of this person, wherever its data lies.
        var named = Environment.GetEnvironmentVariable("TESTGRID_DATA") is { Length: > 0 };
        foreach (var file in named ? (string?[])[ofData, OwnFile] : [OwnFile, ofData])
        {
            if (file is null)
                continue;
            try
            {
                return JsonSerializer.Deserialize<LeftConnection>(File.ReadAllText(file), JsonSerializerOptions.Web);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
            {
                // Not there, not ours, or half written: the next place may have it.
            }
        }
        return null;
    }

    private sealed record LeftConnection(string Url, string Token);
}
