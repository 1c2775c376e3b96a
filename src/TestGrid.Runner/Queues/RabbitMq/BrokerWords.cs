using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using RabbitMQ.Client.Exceptions;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>What an exception of the broker's client means: why the broker cannot be used, and what mends it.</summary>
internal static partial class BrokerWords
{
    public static QueueTrouble Of(Exception e, BrokerAddress at, QueueOptions options)
    {
        foreach (var cause in Causes(e))
        {
            var found = cause switch
            {
                QueueAwayException away => away.Trouble,
                SocketException socket => Of(socket, at),
                AuthenticationFailureException or PossibleAuthenticationFailureException => new(
                    $"it refuses the user '{at.User}' or the password: see the password file",
                    BrokerRemedies.Login(at, options)
                ),
                AuthenticationException => new($"port {at.Port} does not speak TLS", BrokerRemedies.NoTls(at)),
                OperationInterruptedException { ShutdownReason: { } reason } => Said(reason.ReplyText, at, options),
                UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException => new(
                    cause.Message,
                    options.PasswordFile is { } file ? BrokerRemedies.Unreadable(file) : BrokerRemedies.NoPassword
                ),
                PublishException { IsReturn: true } => new(
                    "its queue was deleted, and will be declared again",
                    BrokerRemedies.Unclear(at)
                ),
                PublishException => new("it did not keep what was published", BrokerRemedies.NoMajority(at, options)),
                EndOfStreamException => new("it closes the connection", BrokerRemedies.NoTls(at)),
                OperationCanceledException or TimeoutException => new("it does not answer", BrokerRemedies.Silent(at)),
                _ => (QueueTrouble?)null,
            };
            if (found is not null)
                return found with { Words = found.Words.TrimEnd('.') };
        }
        return new QueueTrouble(e.GetBaseException().Message.TrimEnd('.'), BrokerRemedies.Unclear(at));
    }

    /// <summary>The broker's own words: it says why, and names queue, virtual host and user.</summary>
    private static QueueTrouble Said(string words, BrokerAddress at, QueueOptions options) =>
        new(
            words,
            words switch
            {
                _ when words.Contains("vhost") && words.Contains("not found") => BrokerRemedies.Host(at, options),
                _ when words.Contains("vhost") && words.Contains("is down") => BrokerRemedies.Restart(at),
                _ when words.StartsWith("ACCESS_REFUSED") || words.StartsWith("NOT_ALLOWED") =>
                    BrokerRemedies.Permissions(at, options),
                _ when words.StartsWith("PRECONDITION_FAILED") && Queue().Match(words) is { Success: true } queue =>
                    BrokerRemedies.WrongKind(at, queue.Groups[1].Value),
                _ when words.StartsWith("NOT_FOUND") => BrokerRemedies.NoMajority(at, options),
                _ => BrokerRemedies.Unclear(at),
            }
        );

    private static QueueTrouble Of(SocketException e, BrokerAddress at) =>
        e.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => new("connection refused", BrokerRemedies.Refused(at)),
            SocketError.ConnectionReset => new("connection reset", BrokerRemedies.NoTls(at)),
            SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => new(
                $"its name {at.Host} is not known",
                BrokerRemedies.Unknown(at)
            ),
            SocketError.HostUnreachable or SocketError.NetworkUnreachable => new(
                "no way leads there",
                BrokerRemedies.Unreachable(at)
            ),
            SocketError.TimedOut => new("it does not answer", BrokerRemedies.Unreachable(at)),
            _ => new(e.Message, BrokerRemedies.Unreachable(at)),
        };

    private static IEnumerable<Exception> Causes(Exception e)
    {
        yield return e;
        var inner =
            e is AggregateException many ? many.InnerExceptions
            : e.InnerException is { } one ? [one]
            : (IEnumerable<Exception>)[];
        foreach (var cause in inner.SelectMany(Causes))
            yield return cause;
    }

    [GeneratedRegex("queue '([^']+)'")]
    private static partial Regex Queue();
}
