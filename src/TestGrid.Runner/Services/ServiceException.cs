namespace TestGrid.Runner.Services;

/// <summary>A service beside a job did not come up. The message says which, and how it ended or what it was waited for.</summary>
public sealed class ServiceException(string message) : Exception(message);
