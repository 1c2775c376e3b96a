namespace TestGrid.Runner.Link;

/// <summary>The server did not answer, or not as a server that is well: to be asked again.</summary>
public sealed class ServerAwayException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The server answered, and says no. Asking again the same way changes nothing.</summary>
/// <param name="status">The HTTP status: 401 when the token is not good (any more).</param>
public sealed class ServerRefusedException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;
}
