using System.Net.Sockets;
using System.Security.Authentication;
using RabbitMQ.Client.Exceptions;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>Why a broker cannot be used, in words for a page, an answer and a log.</summary>
internal static class BrokerWords
{
    public static string Of(Exception e, string user)
    {
        foreach (var cause in Causes(e))
        {
            var words = cause switch
            {
                QueueAwayException => cause.Message,
                SocketException socket => Of(socket),
                AuthenticationFailureException or PossibleAuthenticationFailureException =>
                    $"it refuses the user '{user}' or the password: see the password file",
                AuthenticationException => "its certificate is not trusted: " + cause.Message,
                OperationInterruptedException { ShutdownReason: { } reason } => reason.ReplyText,
                UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException => cause.Message,
                PublishException { IsReturn: true } => "its queue was deleted, and will be declared again",
                PublishException => "it did not keep what was published",
                OperationCanceledException or TimeoutException => "it does not answer",
                _ => null,
            };
            if (words is not null)
                return words.TrimEnd('.');
        }
        return e.GetBaseException().Message.TrimEnd('.');
    }

    private static string Of(SocketException e) =>
        e.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => "connection refused",
            SocketError.ConnectionReset => "connection reset",
            SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "its name is not known",
            SocketError.HostUnreachable or SocketError.NetworkUnreachable => "no way leads there",
            SocketError.TimedOut => "it does not answer",
            _ => e.Message,
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
}
